"""The two images of the bench as tars that every engine imports: `bb:1` (static busybox) and `nt:1` (nginx, iperf3,
wrk). Kept between runs below the cache directory, for making the second takes a minute."""

from __future__ import annotations

import shutil
from pathlib import Path

import shell

NGINX_PORTS = (80, 81, 82, 83, 84, 85)
BODY = "x" * 100


def nginx_conf(pid: Path) -> str:
    """One worker that answers a hundred bytes from memory."""
    listen = " ".join(f"listen {port};" for port in NGINX_PORTS)
    return (
        f"user root; worker_processes 1; pid {pid}; error_log /dev/null; daemon off;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 100000000; tcp_nodelay on;\n"
        f' server {{ {listen} location / {{ return 200 "{BODY}"; }} }} }}\n'
    )


def build(cache: Path) -> tuple[Path, Path]:
    """The tars of bb:1 and nt:1."""
    cache.mkdir(parents=True, exist_ok=True)
    small, net = cache / "bb.tar", cache / "nt.tar"
    if not small.exists():
        _busybox(cache / "bb", small)
    if not net.exists():
        _network_tools(cache / "nt", net)
    return small, net


def _busybox(tree: Path, tar: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "etc", "tmp", "proc", "sys", "dev"):
        (tree / name).mkdir(parents=True)
    shutil.copy2("/bin/busybox", tree / "bin/busybox")
    for applet in shell.run("/bin/busybox", "--list").split():
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")
    _accounts(tree)
    _pack(tree, tar, ".")


def _network_tools(tree: Path, tar: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    suite = _suite()
    packages = "iperf3,libc6,nginx-light,wrk,busybox-static"
    shell.run("mmdebstrap", "--variant=extract", f"--include={packages}", suite, str(tree), timeout_s=600)
    for name in ("proc", "sys", "dev", "tmp", "bin"):
        (tree / name).mkdir(exist_ok=True)
    for applet in ("sh", "sleep", "ls", "cat", "true"):
        link = tree / "bin" / applet
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
    _accounts(tree)
    (tree / "etc/nginx").mkdir(parents=True, exist_ok=True)
    (tree / "etc/nginx/nginx.conf").write_text(nginx_conf(Path("/tmp/nginx.pid")))
    (tree / "var/lib/nginx").mkdir(parents=True, exist_ok=True)
    _pack(tree, tar, "--exclude=./var/lib/dpkg", "--exclude=./var/cache", ".")


def _suite() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return "bookworm"


def _accounts(tree: Path) -> None:
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\n")


def _pack(tree: Path, tar: Path, *what: str) -> None:
    part = tar.with_suffix(".part")
    shell.run("tar", "-C", str(tree), "-cf", str(part), *what, timeout_s=300)
    part.rename(tar)
    shutil.rmtree(tree)
