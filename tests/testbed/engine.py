"""A real `fairlead daemon` on a fake host, with roots, socket and bridge of its own, and its clients."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from testbed.host import Host
from testbed.terminal import Terminal

LAUNCHER = Path(sys.prefix) / "bin" / "fairlead"
CLEAN_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "xterm",
}


@dataclass(frozen=True)
class Result:
    """What a client left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Failed(AssertionError):
    """A client's command failed where it had to work."""


class Engine:
    """One daemon. `cli` and `docker` run a client and return its Result; `do` and `docker_do` demand exit 0."""

    ours = True
    """False for another engine in our place (`--target=docker`)."""

    def __init__(self, host: Host, *flags: str, root: Path | None = None) -> None:
        self.host = host
        self.root = root or Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
        self.daemon_socket = self.root / "s"
        self.socket = self.daemon_socket
        """Where clients are sent: the daemon's own, unless a test puts something between."""
        self.data_root = self.root / "data"
        self.exec_root = self.root / "exec"
        self.log = self.root / "log"
        self.flags = list(flags)
        self.environment = dict(CLEAN_ENV)
        self.process: subprocess.Popen[bytes] | None = None
        self._docker_config = self.root / "docker-config"
        self._docker_config.mkdir(exist_ok=True)

    @property
    def instance(self) -> str:
        """As model/settings.py derives it."""
        return hashlib.sha256(str(self.data_root).encode()).hexdigest()[:8]

    @property
    def pid(self) -> int:
        if self.process is None:
            raise Failed("the daemon does not run")
        return self.process.pid

    # --- the daemon -------------------------------------------------------------------------------------------

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.host.here.entry, str(LAUNCHER), "daemon",
                 "--host", f"unix://{self.daemon_socket}", "--data-root", str(self.data_root),
                 "--exec-root", str(self.exec_root), "--bridge", "fairlead0", "--bip", "172.17.0.1/16",
                 "--default-address-pool", "base=10.210.0.0/16,size=24", *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failed(f"the daemon ended with {self.process.returncode}:\n{self.tail()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.api("GET", "/_ping", timeout_s=5)[0] == 200:
                    return self
            time.sleep(0.01)
        raise Failed(f"the daemon does not answer after 30 s:\n{self.tail()}")

    def kill(self) -> None:
        """kill -9: the daemon alone; its containers go on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """An orderly end; returns the daemon's exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            self.process = None

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def clear(self) -> None:
        """Removes every container, user network and volume."""
        ids = self.do("ps", "-aq", "--no-trunc").split()
        if ids:
            self.do("rm", "-f", "-v", *ids)
        for network in self.json("GET", "/networks"):
            if network["Name"] not in ("bridge", "host", "none"):
                self.json("DELETE", f"/networks/{network['Id']}")
        for volume in self.json("GET", "/volumes")["Volumes"] or ():
            self.json("DELETE", f"/volumes/{volume['Name']}")

    def close(self) -> None:
        """Ends everything of this instance, whatever state a failed test left it in."""
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.clear()
            with contextlib.suppress(Exception):
                self.stop()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        directories = self.cgroups()
        shared = {path.parent for path in directories if path.name == self.instance}  # the last engine takes it away
        for directory in (*sorted(directories, reverse=True), *shared):
            with contextlib.suppress(OSError):
                directory.rmdir()
        self.host.close()  # the last user of the mount namespace: its mounts go with it
        shutil.rmtree(self.root, ignore_errors=True)

    def processes(self) -> list[int]:
        """Monitors and container processes of this instance, but not the daemon itself."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or (self.process is not None and int(entry.name) == self.process.pid):
                continue
            with contextlib.suppress(OSError):
                marks = (entry / "cmdline").read_bytes() + (entry / "cgroup").read_bytes()
                if str(self.exec_root).encode() in marks or f"/fairlead/{self.instance}/".encode() in marks:
                    found.append(int(entry.name))
        return sorted(found)

    def cgroups(self) -> list[Path]:
        """Everything below this instance's cgroups, in each hierarchy."""
        tops = Path("/sys/fs/cgroup").glob(f"fairlead/{self.instance}")
        tops_v1 = Path("/sys/fs/cgroup").glob(f"*/fairlead/{self.instance}")
        # os.walk, unlike glob, does not mind what disappears while it looks.
        return [Path(path) for top in (*tops, *tops_v1) for path, _, _ in os.walk(top)]

    def client(self, name: str) -> Client:
        """`fairlead` or `docker`, speaking to this daemon."""
        if name == "fairlead":
            return Client(self, [str(LAUNCHER)], CLEAN_ENV)
        env = {"DOCKER_CONFIG": str(self._docker_config), "DOCKER_BUILDKIT": "0", "DOCKER_CLI_HINTS": "false"}
        return Client(self, [docker_client()], {**CLEAN_ENV, **env})

    # --- clients ----------------------------------------------------------------------------------------------

    def cli(self, *arguments: str, stdin: str | bytes | None = None, timeout_s: float = 60) -> Result:
        return self.client("fairlead").attempt(*arguments, stdin=stdin, timeout_s=timeout_s)

    def do(self, *arguments: str, stdin: str | bytes | None = None, timeout_s: float = 60) -> str:
        return self.client("fairlead").do(*arguments, stdin=stdin, timeout_s=timeout_s)

    def api(self, method: str, path: str, body: Any = None, *, timeout_s: float = 30) -> tuple[int, bytes]:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("localhost", timeout=timeout_s)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout_s)
        try:
            connection.sock.connect(str(self.socket))
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, data = self.api(method, path, body)
        if status >= 400:
            raise Failed(f"{method} {path}: {status} {data!r}")
        return json.loads(data) if data.strip() else None

    def inspect(self, name: str) -> Any:
        return self.json("GET", f"/containers/{name}/json")

    def address(self, name: str, network: str = "bridge") -> str:
        """A container's address on a network."""
        return str(self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])

    def host_port(self, name: str, port: str = "5000/tcp") -> int:
        return int(self.inspect(name)["NetworkSettings"]["Ports"][port][0]["HostPort"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """A command line client of one engine: what a user types, and what comes of it."""

    def __init__(self, engine: Engine, program: list[str], env: Mapping[str, str]) -> None:
        self.engine = engine
        self.argv = [*program, "-H", f"unix://{engine.socket}"]
        self.env = env

    def attempt(
        self,
        *arguments: str,
        stdin: str | bytes | None = None,
        timeout_s: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Runs it and takes whatever comes."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        try:
            done = subprocess.run(
                [*self.argv, *arguments],
                input=data,
                stdin=subprocess.DEVNULL if data is None else None,
                capture_output=True,
                timeout=timeout_s,
                env={**self.env, **(env or {})},
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            said = f"{late.stdout!r}\n{late.stderr!r}\n--- daemon\n{self.engine.tail(8)}"
            raise Failed(f"{' '.join(arguments)}: still running after {timeout_s} s\n{said}") from None
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def do(self, *arguments: str, stdin: str | bytes | None = None, timeout_s: float = 60) -> str:
        """Runs it, demands exit 0, returns what it printed without the last line feed."""
        result = self.attempt(*arguments, stdin=stdin, timeout_s=timeout_s)
        if result.code != 0:
            said = f"{result.text}\n--- daemon\n{self.engine.tail(8)}"
            raise Failed(f"{Path(self.argv[0]).name} {' '.join(arguments)}: exit {result.code}\n{said}")
        return result.out.rstrip("\n")

    def terminal(self, *arguments: str) -> Terminal:
        """Runs it on a terminal of its own."""
        return Terminal([*self.argv, *arguments], self.env)


def docker_client() -> str:
    """Docker's own client: of the machine, or the one that scripts/setup unpacked."""
    path = shutil.which("docker", path=f"{Path(sys.prefix) / 'bin'}:{CLEAN_ENV['PATH']}")
    if path is None:
        raise Failed("no docker client: run `make setup`")
    return path


def until(condition: Any, *, timeout_s: float = 5, what: str = "") -> Any:
    """The first true value of `condition()`: for what another process does in its own time."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or condition}")
        time.sleep(0.02)
