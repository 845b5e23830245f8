"""The engines of the bench, each in a network namespace of its own: ours, dockerd, podman. `start` brings one up with
both images; `stop` leaves nothing of it on the machine."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import shell

DOCKER = shutil.which("docker", path="/usr/local/bin:/usr/bin") or "docker"
PROJECT = Path(__file__).resolve().parent.parent
PREFIX = "pb"
SMALL, NET = "bb:1", "nt:1"


def make_netns(name: str) -> None:
    shell.run("ip", "netns", "add", name)
    shell.run("ip", "-n", name, "link", "set", "lo", "up")
    shell.run("nsenter", f"--net=/run/netns/{name}", "sysctl", "-qw", "net.ipv4.ip_forward=1")


class Engine:
    """What the measurements need of an engine: its command line, its host, its memory."""

    name = ""
    netns = ""
    links = True
    gateway = "172.17.0.1"
    force_remove: tuple[str, ...] = ("rm", "-f")

    def __init__(self, work: Path) -> None:
        self.root = work / self.name
        self.command: list[str] = []
        self.enter = [*("nsenter", f"--net=/run/netns/{self.netns}")]
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "FAIRLEAD_"))}
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, small: Path, net: Path) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        make_netns(self.netns)
        self.launch()
        for tar, name in ((small, SMALL), (net, NET)):
            self.run("import", str(tar), name, timeout_s=300)

    def launch(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.clean()
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid, _ in self.own_processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._unmount()
        shell.run("ip", "netns", "del", self.netns, check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def _unmount(self) -> None:
        targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for target in sorted((t for t in targets if t.startswith(f"{self.root}/")), key=len, reverse=True):
            shell.run("umount", "-l", target, check=False)

    def spawn(self, *argv: str) -> None:
        with (self.root / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, cwd="/")
            )

    def wait_ready(self, limit_s: float = 60) -> None:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self.processes and self.processes[-1].poll() is not None:
                break
            try:
                self.run("ps", "-q", timeout_s=10)
                return
            except (shell.Failed, subprocess.TimeoutExpired):
                time.sleep(0.2)
        tail = (self.root / "log").read_text(errors="replace")[-2000:]
        raise shell.Failed(f"{self.name} does not come up:\n{tail}")

    # --- its command line -------------------------------------------------------------------------------------

    def run(self, *args: str, check: bool = True, timeout_s: float = 120) -> str:
        return shell.run(*self.command, *args, env=self.env, check=check, timeout_s=timeout_s).strip()

    def time_ms(self, *args: str) -> float:
        return shell.time_ms(*self.command, *args, env=self.env)

    def on_host(self, *argv: str, timeout_s: float = 60) -> str:
        """A program at the engine's host side."""
        return shell.run(*self.enter, *argv, env=self.env, check=False, timeout_s=timeout_s)

    def clean(self) -> None:
        """Removes every container of the bench."""
        ids = self.run("ps", "-aq", check=False).split()
        for at in range(0, len(ids), 50):
            self.run(*self.force_remove, *ids[at : at + 50], timeout_s=600)

    # --- its memory -------------------------------------------------------------------------------------------

    def own_processes(self) -> list[tuple[int, str]]:
        """The engine's processes, daemon and helpers: those with its root on their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if f"{self.root}/" in line:
                    found.append((int(entry.name), line))
        return found

    def memory_mb(self) -> dict[str, float]:
        """PSS of all of it, and of the daemons alone."""
        total = helpers = 0.0
        count = 0
        for pid, line in self.own_processes():
            with contextlib.suppress(OSError):
                for entry in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if entry.startswith("Pss:"):
                        size = int(entry.split()[1]) / 1e3
                        total += size
                        if any(word in line for word in ("conmon", "containerd-shim", "docker-proxy")):
                            helpers += size
                            count += 1
        return {"all": round(total, 1), "daemons": round(total - helpers, 1), "helpers": count}


class Fairlead(Engine):
    name = "fairlead"
    netns = "pbf"

    def launch(self) -> None:
        socket = f"unix://{self.root}/s"
        launcher = os.environ.get("FAIRLEAD_BENCH_LAUNCHER") or PROJECT / ".venv/bin/fairlead"
        self.command = [str(launcher), "-H", socket]
        self.spawn(
            *self.enter, str(launcher), "daemon", "--host", socket, "--data-root", f"{self.root}/data",
            "--exec-root", f"{self.root}/exec", "--bridge", "fairlead0", "--bip", "172.17.0.1/16",
        )  # fmt: skip
        self.wait_ready()


class Dockerd(Engine):
    name = "dockerd"
    netns = "pbd"

    def launch(self) -> None:
        socket = f"unix://{self.root}/s"
        self.command = [DOCKER, "-H", socket]
        self.env |= {"DOCKER_CONFIG": str(self.root / "config"), "TMPDIR": str(self.root)}
        # nsenter, not `ip netns exec`: that one remounts /sys and hides the cgroups.
        self.spawn(
            *self.enter, "unshare", "-m", "--propagation", "slave", "dockerd", "-H", socket,
            "--data-root", f"{self.root}/data", "--exec-root", f"{self.root}/exec", "-p", f"{self.root}/pid",
            "--storage-driver", "overlay2",
        )  # fmt: skip
        self.wait_ready()


class Podman(Engine):
    name = "podman"
    netns = "pbp"
    links = False
    gateway = "10.88.0.1"
    force_remove = ("rm", "-f", "-t", "0")

    def launch(self) -> None:
        """podman has no daemon; a sleeping process holds its mount namespace, in which the v2 cgroup mount is hidden,
        for crun 1.8 refuses hybrid cgroups. Its default limits cannot be raised without CAP_SYS_RESOURCE: pin them."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        conf = self.root / "containers.conf"
        conf.write_text(
            f'[containers]\ndefault_ulimits=["nofile={soft}:{hard}","nproc=32768:32768"]\n'
            '[engine]\ncgroup_manager="cgroupfs"\nevents_logger="file"\nruntime="crun"\n'
            '[network]\nnetwork_backend="netavark"\n'
        )
        self.env["CONTAINERS_CONF"] = str(conf)
        script = "mount --make-rprivate /; umount /sys/fs/cgroup/unified 2>/dev/null; echo up; exec sleep 86400"
        holder = subprocess.Popen(
            [*self.enter, "unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        self.processes.append(holder)
        self.enter = ["nsenter", "-m", "-n", "-t", str(holder.pid)]
        roots = ("--root", f"{self.root}/root", "--runroot", f"{self.root}/run", "--tmpdir", f"{self.root}/tmp")
        self.command = [*self.enter, "podman", *roots]
        self.wait_ready()


class FairleadByDocker(Engine):
    """Our daemon driven by the docker client: shows what the CLI itself costs."""

    name = "fairlead+docker"
    netns = "pbf"

    def __init__(self, work: Path, ours: Engine) -> None:
        super().__init__(work)
        self.command = [DOCKER, "-H", f"unix://{ours.root}/s"]
        self.env["DOCKER_CONFIG"] = str(ours.root / "config")


PACKAGES = (
    "docker.io", "podman", "netavark", "aardvark-dns", "crun", "runc", "conmon", "busybox-static", "iperf3", "wrk",
    "nftables", "iptables", "iproute2", "mmdebstrap", "nginx-light", "dnsperf",
)  # fmt: skip


def install() -> None:
    """The peers and the tools of the bench, from the distribution; no service of theirs is started or left running."""
    needed = ("dockerd", "podman", "nginx", "iperf3", "wrk", "nft", "mmdebstrap", "conmon", "crun", "dnsperf")
    if all(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for program in needed):
        return
    if shutil.which("apt-get") is None:
        raise shell.Failed(f"needs {', '.join(needed)}: install them (no apt-get here)")
    print("installing the peers:", *PACKAGES, file=sys.stderr)
    had_docker = Path("/run/docker.sock").exists()
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = (
        "-y",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=300",
        "-o",
        "Dpkg::Options::=--force-confold",
    )
    shell.run("apt-get", "install", *options, *PACKAGES, env=env, timeout_s=900)
    if Path("/run/systemd/system").exists() and not had_docker:
        for unit in ("docker.service", "docker.socket", "containerd.service", "nginx.service", "podman.socket"):
            shell.run("systemctl", "disable", "--now", unit, check=False)
