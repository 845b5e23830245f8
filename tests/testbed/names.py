"""Look-ups as a container's programs make them: from its own network namespace, to the server in its resolv.conf."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dnslib

from fairlead.linux import namespaces
from testbed import host
from testbed.engine import Engine, until

RESOLVER = ("127.0.0.11", 53)


def open_socket(pid: int, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """A socket in the network namespace of a process."""
    home, there = namespaces.current_netns(), namespaces.pid_netns(pid)
    try:
        return namespaces.open_socket(there, home, socket.AF_INET, kind)
    finally:
        os.close(home)
        os.close(there)


def question(name: str, kind: str = "A", *, size: int = 0) -> bytes:
    query = dnslib.DNSRecord.question(name, kind)
    query.header.id = random.getrandbits(16)
    if size:
        query.add_ar(dnslib.EDNS0(udp_len=size))
    return bytes(query.pack())


def receive(stream: socket.socket) -> bytes:
    """One message of a connection."""

    def exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = stream.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    return exactly(struct.unpack("!H", exactly(2))[0])


class Asker:
    """A container that asks."""

    def __init__(self, engine: Engine, container: str) -> None:
        self.pid = int(engine.inspect(container)["State"]["Pid"])

    def ask(
        self, name: str, kind: str = "A", *, tcp: bool = False, size: int = 0, timeout_s: float = 6
    ) -> dnslib.DNSRecord:
        query = question(name, kind, size=size)
        with open_socket(self.pid, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout_s)
            sock.connect(RESOLVER)
            if tcp:
                sock.sendall(struct.pack("!H", len(query)) + query)
                data = receive(sock)
            else:
                sock.send(query)
                data = sock.recv(65535)
        reply = dnslib.DNSRecord.parse(data)
        assert reply.header.id == dnslib.DNSRecord.parse(query).header.id
        return reply

    def find(self, name: str, kind: str = "A", *, tcp: bool = False) -> list[str]:
        """What the name means, in order; [] where it is known without such a record."""
        reply = self.ask(name, kind, tcp=tcp)
        assert reply.header.rcode == 0, f"{name}: {dnslib.RCODE[reply.header.rcode]}"
        return [str(record.rdata) for record in reply.rr]

    def code(self, name: str, kind: str = "A") -> str:
        return str(dnslib.RCODE[self.ask(name, kind).header.rcode])


class NameServer:
    """The other machine's name server, as the host's only resolver."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def seen(self) -> list[str]:
        """Questions it got: `udp 198.51.100.1 www.example A 512`."""
        return self._log.read_text().splitlines()[1:]


def resolver_file(engine: Engine, text: str) -> None:
    """Writes what the fake host has as /etc/resolv.conf: the file that `outside` put there."""
    (engine.root / "resolv.conf").write_text(text)


@contextlib.contextmanager
def outside(engine: Engine, *more: str) -> Iterator[NameServer]:
    """The other machine serves names, at more of its addresses too, and the host asks it alone."""
    log = engine.root / "nameserver.log"
    resolver_file(engine, f"nameserver {host.FAR_ADDRESS}\nsearch corp.example\noptions timeout:1\n")
    engine.host.here.run("mount", "--bind", str(engine.root / "resolv.conf"), "/etc/resolv.conf")
    program = [*engine.host.far.entry, sys.executable, "-u", str(Path(__file__).with_name("nameserver.py"))]
    with log.open("wb") as out, subprocess.Popen([*program, host.FAR_ADDRESS, *more], stdout=out) as server:
        try:
            until(lambda: log.read_text().startswith("up"), what="the name server is up")
            yield NameServer(log)
        finally:
            server.kill()
            engine.host.here.run("umount", "/etc/resolv.conf")
