"""Namespaces that live exactly as long as the process that made them: each is held by a sleeping child that the
kernel kills with its parent, so that even a killed test run leaves none behind."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

_TCP_CLIENT = """
import _socket, sys
_, address, port, timeout, text = sys.argv
s = _socket.socket(_socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_STREAM)
s.settimeout(float(timeout))
try:
    address, _, device = address.partition("%")
    s.connect((address, int(port), 0, _socket.if_nametoindex(device)) if device else (address, int(port)))
    s.sendall(text.encode())
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
except OSError as error:
    sys.exit(str(error))
"""

_HOLDER = """
import _socket, sys, time
s = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
s.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
try:
    s.bind((sys.argv[1], int(sys.argv[2])))
    s.listen()
except OSError as error:
    sys.exit(str(error))
print("held", flush=True)
time.sleep(60)
"""

_CONNECT = """
import _socket, sys
_, address, port, timeout = sys.argv
s = _socket.socket(_socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_STREAM)
s.settimeout(float(timeout))
try:
    s.connect((address, int(port)))
except OSError as error:
    sys.exit(str(error))
"""

_UDP_CLIENT = """
import _socket, sys
_, address, port, timeout, text = sys.argv
s = _socket.socket(_socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_DGRAM)
s.settimeout(float(timeout))
try:
    address, _, device = address.partition("%")
    s.connect((address, int(port), 0, _socket.if_nametoindex(device)) if device else (address, int(port)))
    s.send(text.encode() or b"hello")
    sys.stdout.buffer.write(s.recv(65536))
except OSError as error:
    sys.exit(str(error))
"""


class CommandFailed(AssertionError):
    """A command of the stage itself failed: not what is under test."""


def run(argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 30) -> str:
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False,
        stdin=subprocess.DEVNULL if stdin is None else None,
    )  # fmt: skip
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """A network namespace (and a mount namespace, if asked) with loopback up."""

    def __init__(self, *, mounts: bool = False) -> None:
        self._mounts = mounts
        unshare = ["unshare", "--net", *(["--mount", "--propagation", "private"] if mounts else [])]
        self._holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *unshare, "sleep", "infinity"])
        self.pid = self._holder.pid
        deadline = time.monotonic() + 10
        own = Path("/proc/self/ns/net").readlink()
        while (comm := Path(f"/proc/{self.pid}/comm").read_text().strip()) != "sleep" or (
            Path(f"/proc/{self.pid}/ns/net").readlink() == own
        ):
            if time.monotonic() > deadline:
                raise CommandFailed(f"unshare is still {comm} after 10 s")
            time.sleep(0.002)
        self.ip("link", "set", "lo", "up")

    @property
    def entry(self) -> list[str]:
        """The words before a command that make it run in here."""
        return [
            "nsenter",
            f"--net=/proc/{self.pid}/ns/net",
            *([f"--mount=/proc/{self.pid}/ns/mnt"] if self._mounts else []),
        ]

    def run(self, *argv: str, stdin: str | None = None, timeout_s: float = 30) -> str:
        return run([*self.entry, *argv], stdin=stdin, timeout_s=timeout_s)

    def popen(self, *argv: str, **keywords: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*self.entry, *argv], **keywords)  # type: ignore[call-overload, no-any-return] # passed through

    def ip(self, *arguments: str) -> str:
        return run(["nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", *arguments])

    def fetch(self, url: str, *, timeout_s: float = 2) -> str | None:
        """The page behind `http://address[:port]/path` as seen from in here; None where there is none."""
        server, _, path = url.removeprefix("http://").partition("/")
        address, _, port = server.rpartition(":") if server.rfind(":") > server.rfind("]") else (server, "", "80")
        answer = self.talk(address.strip("[]"), int(port), f"GET /{path} HTTP/1.0\r\n\r\n", timeout_s=timeout_s)
        head, _, page = (answer or "").partition("\r\n\r\n")
        return page if head.split()[1:2] == ["200"] else None

    def talk(self, address: str, port: int, text: str = "", *, udp: bool = False, timeout_s: float = 1.5) -> str | None:
        """What the server at address:port says to `text` from in here; None where nothing answers.

        Without text a TCP client only listens: unread input would make the server's close a reset.
        """
        client = _UDP_CLIENT if udp else _TCP_CLIENT
        argv = [sys.executable, "-I", "-S", "-c", client, address, str(port), str(timeout_s), text]
        done = subprocess.run([*self.entry, *argv], capture_output=True, timeout=timeout_s + 20, check=False)
        return done.stdout.decode() if done.returncode == 0 else None

    def connects(self, address: str, port: int, timeout_s: float = 1) -> bool:
        """Whether a TCP connection to address:port is accepted, whatever the server says."""
        argv = [sys.executable, "-I", "-S", "-c", _CONNECT, address, str(port), str(timeout_s)]
        return subprocess.run([*self.entry, *argv], capture_output=True, check=False).returncode == 0

    @contextlib.contextmanager
    def hold(self, port: int, address: str = "0.0.0.0") -> Iterator[None]:
        """A program that listens on a port in here, as long as the context lasts."""
        argv = [sys.executable, "-I", "-S", "-c", _HOLDER, address, str(port)]
        with subprocess.Popen([*self.entry, *argv], stdout=subprocess.PIPE) as process:
            try:
                if process.stdout is None or process.stdout.readline() != b"held\n":
                    raise CommandFailed(f"{address}:{port} cannot be held")
                yield
            finally:
                process.kill()

    def can_hold(self, port: int, address: str = "0.0.0.0") -> bool:
        """Whether a program in here could listen on the port now."""
        try:
            with self.hold(port, address):
                return True
        except CommandFailed:
            return False

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
