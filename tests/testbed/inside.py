"""A container's network as a place to look from, and servers that answer there over TCP and UDP, IPv4 and IPv6."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Self

from testbed.engine import Engine
from testbed.namespace import CommandFailed, Namespace

# Says who it is and who asked: over TCP at once, over UDP to every datagram. A UDP answer leaves from the address
# that was asked, as any good server's does.
_SERVER = """
import selectors, socket, sys
label, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
chosen = selectors.DefaultSelector()
for port in ports:
    for family, any_ in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(family, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                s.setsockopt(socket.IPPROTO_IP, 8, 1)
            s.bind((any_, port))
            if kind == socket.SOCK_STREAM:
                s.listen()
            chosen.register(s, selectors.EVENT_READ)
print("up", flush=True)
while True:
    for key, _ in chosen.select():
        s = key.fileobj
        if s.type == socket.SOCK_STREAM:
            peer, who = s.accept()
            with peer:
                peer.sendall(f"{label} {who[0]}".encode())
        else:
            data, cmsg, _, who = s.recvmsg(65536, 1024)
            s.sendmsg([f"{label} {who[0]} {data.decode()}".encode()], cmsg, 0, who)
"""


# One TCP connection, listened for or made; lines of stdin go in, what comes out goes to stdout.
_LINE = """
import os, select, socket, sys
_, address, port = sys.argv
if address == "listen":
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", int(port)))
    s.listen()
    print("up", flush=True)
    s, _ = s.accept()
else:
    s = socket.create_connection((address, int(port)), 5)
    print("up", flush=True)
while True:
    for ready in select.select([0, s], [], [])[0]:
        try:
            data = os.read(0, 65536) if ready == 0 else s.recv(65536)
        except OSError:
            data = b""
        if not data:
            sys.exit()
        if ready == 0:
            s.sendall(data)
        else:
            os.write(1, data)
"""


class Line:
    """A long-lived TCP connection between two places, spoken line by line."""

    def __init__(self, place: Namespace, address: str, port: int) -> None:
        """`address`: whom to call, or `listen`."""
        argv = [sys.executable, "-I", "-S", "-c", _LINE, address, str(port)]
        self._process = place.popen(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.hear() != "up":
            raise CommandFailed(f"no connection to {address}:{port}")

    def say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """The next line; '' once the connection has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().rstrip("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()


class Inside(Namespace):
    """The network namespace of a running container."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._mounts = False
        self.pid = int(engine.inspect(name)["State"]["Pid"])

    def close(self) -> None:
        """It is the container's."""


@contextlib.contextmanager
def serve(place: Namespace, label: str, *ports: int) -> Iterator[None]:
    """A server in the place as long as the context lasts."""
    argv = [sys.executable, "-I", "-S", "-c", _SERVER, label, *map(str, ports)]
    with place.popen(*argv, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or process.stdout.readline() != b"up\n":
                raise CommandFailed(f"no server on {ports}")
            yield
        finally:
            process.kill()
