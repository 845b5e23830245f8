"""A container's network as a place to look from, and servers that answer there over TCP and UDP, IPv4 and IPv6."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

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
