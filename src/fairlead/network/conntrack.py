"""Ends connections that the kernel remembers, once their leave or their translation is gone (ctnetlink, raw).

Costs a walk over the table, so only what needs it does this: links removed, ports removed from a running container,
and UDP ports, whose flows would otherwise go on as they began.
"""

from __future__ import annotations

import functools
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from fairlead.model.container import PublishedPort
from fairlead.network.netlink import attribute, attributes, message

_SUBSYSTEM = 1
_GET, _DELETE = 1, 2
_DUMP, _ACK = 0x300, 4
_NESTED = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _ID = 1, 2, 12
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_ANY = ("0.0.0.0", "::")
_FAMILIES = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}


@dataclass(frozen=True, slots=True)
class Flow:
    """One entry: who asked whom, at which port, and who answers (another, if the destination was translated)."""

    source: bytes
    destination: bytes
    protocol: int
    port: int
    answered_by: bytes


def forget(pairs: Iterable[tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]]) -> None:
    """Ends what the first address of a pair began with the second."""
    ended = {(a.packed, b.packed) for a, b in pairs}
    for family, length in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        if any(len(a) == length for a, _ in ended):
            _end(lambda flow: (flow.source, flow.destination) in ended, family)


def end_published(published: Sequence[PublishedPort], address: IPv4Address | IPv6Address) -> None:
    """Ends what was translated from these ports to the container's address, of its family."""
    ports = _by_port(published, address.version)
    if ports:
        _end(lambda f: f.answered_by == address.packed and _asks_for(f, ports), _FAMILIES[address.version])


def end_untranslated(published: Sequence[PublishedPort], local: Iterable[IPv4Address | IPv6Address]) -> None:
    """Ends what came to these ports of the host before they led anywhere, so that its next packet is translated."""
    here = {address.packed for address in local}
    for version, family in _FAMILIES.items():
        if ports := _by_port(published, version):
            _end(functools.partial(_went_nowhere, here, ports), family)


def _went_nowhere(here: set[bytes], ports: dict[tuple[int, int], set[str]], flow: Flow) -> bool:
    return flow.answered_by == flow.destination and flow.destination in here and _asks_for(flow, ports)


def _by_port(published: Sequence[PublishedPort], version: int) -> dict[tuple[int, int], set[str]]:
    out: dict[tuple[int, int], set[str]] = {}
    for item in published:
        if (":" in item.host_ip) == (version == 6) and item.host_port and not item.forwarded:
            out.setdefault((_PROTOCOLS[item.port.protocol], item.host_port), set()).add(item.host_ip)
    return out


def _asks_for(flow: Flow, ports: dict[tuple[int, int], set[str]]) -> bool:
    addresses = ports.get((flow.protocol, flow.port), set())
    return not addresses.isdisjoint((*_ANY, str(ip_address(flow.destination))))


def _end(chosen: Callable[[Flow], bool], family: int = socket.AF_INET) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 12) as sock:
        sock.bind((0, 0))
        header = struct.pack("!BBH", family, 0, 0)
        for body in _dump(sock, header):
            have = dict(attributes(body[4:]))
            if chosen(_flow(have)):
                request = header + attribute(_TUPLE_ORIG | _NESTED, have[_TUPLE_ORIG])
                request += attribute(_ID, have[_ID]) if _ID in have else b""
                sock.send(message((_SUBSYSTEM << 8) | _DELETE, _ACK, request))
                sock.recv(4096)  # gone already is fine: whatever the answer, the entry is no more


def _dump(sock: socket.socket, header: bytes) -> list[bytes]:
    sock.send(message((_SUBSYSTEM << 8) | _GET, _DUMP, header))
    out: list[bytes] = []
    while True:
        data, at = sock.recv(1 << 18), 0
        while at < len(data):
            length, kind = struct.unpack_from("IH", data, at)
            if kind == 3:
                return out
            if kind == 2:
                code = struct.unpack_from("i", data, at + 16)[0]
                raise OSError(-code, os.strerror(-code))
            out.append(data[at + 16 : at + length])
            at += (length + 3) & ~3


def _flow(have: dict[int, bytes]) -> Flow:
    asked, answer = dict(attributes(have.get(_TUPLE_ORIG, b""))), dict(attributes(have.get(_TUPLE_REPLY, b"")))
    source, destination = _addresses(asked.get(1, b""))
    protocol = dict(attributes(asked.get(2, b"")))
    number, port = protocol.get(1, b"\0"), protocol.get(3, b"\0\0")
    answered_by, _ = _addresses(answer.get(1, b""))
    return Flow(source, destination, number[0], int.from_bytes(port, "big"), answered_by)


def _addresses(tuple_ip: bytes) -> tuple[bytes, bytes]:
    """(source, destination) of a CTA_TUPLE_IP: CTA_IP_V4_SRC and _DST, or CTA_IP_V6_SRC and _DST."""
    have = dict(attributes(tuple_ip))
    return have.get(1, have.get(3, b"")), have.get(2, have.get(4, b""))
