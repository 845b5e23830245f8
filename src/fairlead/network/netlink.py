"""The few rtnetlink(7) messages we need, typed and raw: one start of a container pays 0.5 ms for its network.

Sole speaker of rtnetlink. Several requests go in one send; every one is acknowledged.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_REPLACE, _EXCL, _CREATE = 0x100, 0x200, 0x400
_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _NEWROUTE, _GETROUTE, _NEWNEIGH = 20, 24, 26, 28
_UP = 1
_ERROR, _DONE = 2, 3
_NESTED = 0x8000
_BRPORT_MODE = 4
_NOPREFIXROUTE = 0x200
_PERMANENT = 0x80
FORWARDING, SEND_REDIRECTS, ROUTE_LOCALNET = 1, 6, 26
"""Sysctls net.ipv4.conf.<device>.*, by their numbers in IFLA_INET_CONF."""


def attribute(kind: int, data: bytes) -> bytes:
    """One netlink attribute, padded."""
    length = 4 + len(data)
    return struct.pack("HH", length, kind) + data + b"\0" * (-length % 4)


def message(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("IHHII", 16 + len(body), kind, flags | _REQUEST, 0, 0) + body


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes in a message body."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, at)
        if length < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3


@dataclass(frozen=True, slots=True)
class Device:
    index: int
    name: str
    master: int
    mac: bytes
    up: bool


def _link(index: int, up: bool, data: bytes = b"") -> bytes:
    flags = _UP if up else 0
    return struct.pack("BxHiII", 0, 0, index, flags, flags) + data


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


class Netlink:
    """A route socket of one network namespace."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self._socket = sock or socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))

    def close(self) -> None:
        self._socket.close()

    def request(self, *messages: bytes) -> None:
        """Sends all, waits for all answers; raises OSError for the first that was refused."""
        self._socket.send(b"".join(messages))
        missing, failed = len(messages), 0
        while missing:
            for kind, body in self._receive():
                if kind == _ERROR:
                    missing -= 1
                    failed = failed or struct.unpack_from("i", body)[0]
        if failed:
            raise OSError(-failed, os.strerror(-failed))

    def _receive(self) -> Iterator[tuple[int, bytes]]:
        data = self._socket.recv(1 << 18)
        at = 0
        while at < len(data):
            length, kind = struct.unpack_from("IH", data, at)
            yield kind, data[at + 16 : at + length]
            at += (length + 3) & ~3

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """All answers to a dump request."""
        self._socket.send(message(kind, _DUMP, body))
        found: list[bytes] = []
        while True:
            for answer, data in self._receive():
                if answer == _DONE:
                    return found
                if answer == _ERROR:
                    code = struct.unpack_from("i", data)[0]
                    raise OSError(-code, os.strerror(-code))
                found.append(data)

    def devices(self) -> list[Device]:
        """All network devices here."""
        out = []
        for data in self.dump(_GETLINK, struct.pack("BxHiII", 0, 0, 0, 0, 0)):
            index, flags = struct.unpack_from("iI", data, 4)
            have = dict(attributes(data[16:]))
            master = struct.unpack("I", have[10])[0] if 10 in have else 0
            name = have[3].rstrip(b"\0").decode()
            out.append(Device(index, name, master, have.get(1, b""), bool(flags & _UP)))
        return out

    def routes(self) -> list[str]:
        """Destinations (`10.0.0.0/8`) of all IPv4 routes but the default one."""
        out = []
        for data in self.dump(_GETROUTE, struct.pack("BBBBBBBBI", 2, 0, 0, 0, 0, 0, 0, 0, 0)):
            bits = data[1]
            target = dict(attributes(data[12:])).get(1)
            if target and len(target) == 4 and bits and data[4] != 255:
                out.append(f"{IPv4Address(target)}/{bits}")
        return out

    def addresses(self) -> list[tuple[int, IPv4Interface]]:
        """(device index, address) of every IPv4 address here."""
        out = []
        for data in self.dump(22, struct.pack("BBBBi", 2, 0, 0, 0, 0)):
            bits, index = data[1], struct.unpack_from("i", data, 4)[0]
            have = dict(attributes(data[8:]))
            raw = have.get(2, have.get(1, b""))
            out.append((index, IPv4Interface(f"{IPv4Address(raw)}/{bits}")))
        return out


def set_up(index: int) -> bytes:
    return message(_NEWLINK, _ACK, _link(index, up=True))


def add_bridge(name: str, mac: bytes, mtu: int) -> bytes:
    info = attribute(1, b"bridge")
    data = attribute(3, _text(name)) + attribute(1, mac) + attribute(4, struct.pack("I", mtu)) + attribute(18, info)
    return message(_NEWLINK, _ACK | _CREATE | _EXCL, _link(0, True, data))


def add_veth(
    name: str, peer_netns: int, peer_name: str, peer_mac: bytes, mtu: int, *, bridge: int = 0, mac: bytes = b""
) -> bytes:
    """A pair: `name` up, on the bridge or with a MAC of its own; its peer named and in the namespace: one message."""
    size = attribute(4, struct.pack("I", mtu))
    peer = struct.pack("BxHiII", 0, 0, 0, 0, 0) + attribute(3, _text(peer_name)) + attribute(1, peer_mac)
    peer += size + attribute(28, struct.pack("I", peer_netns))
    info = attribute(1, b"veth") + attribute(2, attribute(1, peer))
    data = attribute(3, _text(name)) + size + attribute(18, info)
    data += attribute(10, struct.pack("I", bridge)) if bridge else attribute(1, mac)
    return message(_NEWLINK, _ACK | _CREATE | _EXCL, _link(0, True, data))


def reflect_port(index: int) -> bytes:
    """A frame may leave this bridge port by which it came: a container that asks for its own published port."""
    data = attribute(12 | _NESTED, attribute(_BRPORT_MODE, b"\1"))
    return message(_SETLINK, _ACK, struct.pack("BxHiII", socket.AF_BRIDGE, 0, index, 0, 0) + data)


def configure(index: int, sysctls: dict[int, int]) -> bytes:
    """Sets net.ipv4.conf.<device>.*, by number: one message where /proc takes a file each."""
    values = b"".join(attribute(number, struct.pack("I", value)) for number, value in sysctls.items())
    inet = attribute(socket.AF_INET | _NESTED, attribute(1 | _NESTED, values))
    return message(_SETLINK, _ACK, _link(index, False, attribute(26 | _NESTED, inet)))


def delete_device(*, name: str = "", index: int = 0) -> bytes:
    data = attribute(3, _text(name)) if name else b""
    return message(_DELLINK, _ACK, struct.pack("BxHiII", 0, 0, index, 0, 0) + data)


def add_address(index: int, address: IPv4Interface, *, prefix_route: bool = True) -> bytes:
    raw = address.ip.packed
    body = struct.pack("BBBBi", 2, address.network.prefixlen, 0, 0, index) + attribute(2, raw) + attribute(1, raw)
    if address.network.prefixlen < 31:
        body += attribute(4, address.network.broadcast_address.packed)
    if not prefix_route:
        body += attribute(8, struct.pack("I", _NOPREFIXROUTE))
    return message(_NEWADDR, _ACK | _CREATE | _REPLACE, body)


def add_default_route(gateway: IPv4Address) -> bytes:
    body = struct.pack("BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0) + attribute(5, gateway.packed)
    return message(_NEWROUTE, _ACK | _CREATE, body)


def add_route_via(target: IPv4Network, gateway: IPv4Address) -> bytes:
    body = struct.pack("BBBBBBBBI", 2, target.prefixlen, 0, 0, 254, 3, 0, 1, 0)
    body += attribute(1, target.network_address.packed) + attribute(5, gateway.packed)
    return message(_NEWROUTE, _ACK | _CREATE, body)


def add_host_route(address: IPv4Address, index: int, source: IPv4Address) -> bytes:
    """`address dev index scope link src source`; takes the place of an earlier one."""
    body = struct.pack("BBBBBBBBI", 2, 32, 0, 0, 254, 3, 253, 1, 0)
    body += attribute(1, address.packed) + attribute(7, source.packed) + attribute(4, struct.pack("I", index))
    return message(_NEWROUTE, _ACK | _CREATE | _REPLACE, body)


def add_neighbour(address: IPv4Address, mac: bytes, index: int) -> bytes:
    """A neighbour that needs no ARP."""
    body = struct.pack("BxHiHBB", socket.AF_INET, 0, index, _PERMANENT, 0, 0)
    return message(_NEWNEIGH, _ACK | _CREATE | _REPLACE, body + attribute(1, address.packed) + attribute(2, mac))
