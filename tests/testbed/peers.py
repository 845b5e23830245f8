"""buildah, podman and skopeo of the distribution: fetched into build/, never installed, with a storage of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from testbed.engine import CLEAN_ENV
from testbed.host import Host

_PACKAGES = ("buildah", "podman", "skopeo")
_PLACE = Path(__file__).resolve().parent.parent.parent / "build" / "peers"
_STORAGE = """[storage]
driver = "overlay"
graphroot = "{root}/storage"
runroot = "{root}/run"
"""
_ENGINE = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""


def fetch() -> Path:
    """The tree of what the machine has not of these packages and of what they need."""
    tree = _PLACE / "root"
    if (_PLACE / "done").exists():
        return tree
    shutil.rmtree(_PLACE, ignore_errors=True)
    archives = _PLACE / "archives"
    (archives / "partial").mkdir(parents=True)
    argv = ["apt-get", "install", "-yqq", "--no-install-recommends", "--download-only"]
    done = subprocess.run(
        [*argv, "-o", f"Dir::Cache::archives={archives}", *_PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"apt-get does not give {' '.join(_PACKAGES)}:\n{done.stdout}{done.stderr}")
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(tree)], check=True)
    (_PLACE / "done").touch()
    return tree


class Peers:
    """The three programs on a fake host, below `root`."""

    def __init__(self, host: Host, root: Path) -> None:
        tree = fetch()
        self._host = host
        self.root = root
        root.mkdir(parents=True)
        (root / "storage.conf").write_text(_STORAGE.format(root=root))
        (root / "containers.conf").write_text(_ENGINE)
        libraries = ":".join(str(tree / path) for path in ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"))
        self.env = {
            **CLEAN_ENV,
            "PATH": f"{tree}/usr/bin:{CLEAN_ENV['PATH']}",
            "LD_LIBRARY_PATH": libraries,
            "HOME": str(root),
            "TMPDIR": str(root),
            "CONTAINERS_STORAGE_CONF": str(root / "storage.conf"),
            "CONTAINERS_CONF": str(root / "containers.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    def attempt(self, *argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._host.here.entry, *argv], env=self.env, cwd=cwd or self.root, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def do(self, *argv: str, cwd: Path | None = None) -> str:
        """What the program says; it must succeed."""
        done = self.attempt(*argv, cwd=cwd)
        assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def config(self, place: str) -> str:
        """The configuration document of an image, as it is."""
        flags = ["--tls-verify=false"] if place.startswith("docker:") else []
        done = self.attempt("skopeo", "inspect", "--config", "--raw", *flags, place)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def layout(self, place: Path, target: Path) -> None:
        """An OCI layout's directory as a tar."""
        self.do("tar", "-C", str(place), "-cf", str(target), *sorted(entry.name for entry in place.iterdir()))
