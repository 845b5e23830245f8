"""The few rtnetlink(7) messages we need, typed and raw: one start of a container pays 0.5 ms for its network.

Sole speaker of rtnetlink. Several requests go in one send; every one is acknowledged.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_REPLACE, _EXCL, _CREATE = 0x100, 0x200, 0x400
_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _NEWROUTE, _DELROUTE, _GETROUTE, _NEWNEIGH = 20, 24, 25, 26, 28
_UNICAST, _LOCAL_TABLE = 1, 255
_ROUTE_GROUPS = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
_UP = 1
_ERROR, _DONE = 2, 3
_NESTED = 0x8000
_SIOCGIFINDEX = 0x8933
_BRPORT_MODE = 4
_NOPREFIXROUTE, _NODAD = 0x200, 2
_BRPORT_ISOLATED = 33
_PERMANENT = 0x80
_IFALIAS = 20
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
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A unicast route; metric and table tell several to one target apart."""

    target: IPv4Network | IPv6Network
    table: int
    metric: int


def _route(body: bytes) -> Route | None:
    """The route of a message, unless it is a default route, one to the host itself, or no unicast."""
    family, bits, kind = body[0], body[1], body[7]
    have = dict(attributes(body[12:]))
    table = struct.unpack("I", have[15])[0] if 15 in have else body[4]
    if not bits or kind != _UNICAST or table == _LOCAL_TABLE or 1 not in have:
        return None
    target = have[1].ljust(4 if family == socket.AF_INET else 16, b"\0")
    metric = struct.unpack("I", have[6])[0] if 6 in have else 0
    network = (IPv4Network if family == socket.AF_INET else IPv6Network)((target, bits), strict=False)
    return Route(network, table, metric)


def _link(index: int, up: bool, data: bytes = b"") -> bytes:
    flags = _UP if up else 0
    return struct.pack("BxHiII", 0, 0, index, flags, flags) + data


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


class Netlink:
    """A route socket of one network namespace."""

    def __init__(self, sock: socket.socket | None = None, *, groups: int = 0) -> None:
        self._socket = sock or socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, groups))

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

    def index(self, name: str) -> int:
        """Of a device in this socket's namespace."""
        answer = fcntl.ioctl(self._socket, _SIOCGIFINDEX, struct.pack("16s24x", name.encode()))
        return int(struct.unpack_from("i", answer, 16)[0])

    def devices(self) -> list[Device]:
        """All network devices here."""
        out = []
        for data in self.dump(_GETLINK, struct.pack("BxHiII", 0, 0, 0, 0, 0)):
            index, flags = struct.unpack_from("iI", data, 4)
            have = dict(attributes(data[16:]))
            master = struct.unpack("I", have[10])[0] if 10 in have else 0
            name = have[3].rstrip(b"\0").decode()
            alias = have.get(_IFALIAS, b"").rstrip(b"\0").decode(errors="replace")
            out.append(Device(index, name, master, have.get(1, b""), bool(flags & _UP), alias))
        return out

    def routes(self, family: int) -> list[Route]:
        """All unicast routes of a family but default ones."""
        answers = self.dump(_GETROUTE, struct.pack("BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0))
        return [route for answer in answers if (route := _route(answer)) is not None]

    @classmethod
    def of_routes(cls) -> Netlink:
        """A socket that hears of every route that comes and goes."""
        heard = cls(groups=_ROUTE_GROUPS)
        heard._socket.setblocking(False)
        heard._socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
        return heard

    def route_notices(self) -> Iterator[tuple[bool, Route]]:
        """(whether it came, route) of all that was heard since; ENOBUFS if there was more than could be kept."""
        with contextlib.suppress(BlockingIOError):
            while True:
                for kind, body in self._receive():
                    if kind in (_NEWROUTE, _DELROUTE) and (route := _route(body)) is not None:
                        yield kind == _NEWROUTE, route

    def own_addresses(self) -> list[IPv4Address | IPv6Address]:
        """Every address of this host."""
        six = [dict(attributes(data[8:])) for data in self.dump(22, struct.pack("BBBBi", 10, 0, 0, 0, 0))]
        return [*(address.ip for _, address in self.addresses()), *(IPv6Address(have[1]) for have in six if 1 in have)]

    def addresses(self) -> list[tuple[int, IPv4Interface]]:
        """(device index, address) of every IPv4 address here."""
        out = []
        for data in self.dump(22, struct.pack("BBBBi", 2, 0, 0, 0, 0)):
            bits, index = data[1], struct.unpack_from("i", data, 4)[0]
            have = dict(attributes(data[8:]))
            raw = have.get(2, have.get(1, b""))
            out.append((index, IPv4Interface(f"{IPv4Address(raw)}/{bits}")))
        return out


def set_up(index: int, *, alias: str = "") -> bytes:
    """`alias`: a note that the kernel keeps with the device."""
    return message(_NEWLINK, _ACK, _link(index, True, attribute(_IFALIAS, _text(alias)) if alias else b""))


def note(index: int, text: str) -> bytes:
    """A note that the kernel keeps with the device. One that is up already would be reported as changed."""
    return message(_NEWLINK, _ACK, _link(index, False, attribute(_IFALIAS, _text(text))))


def add_device(
    kind: str, name: str = "", *, parent: int = 0, options: Mapping[int, bytes] | None = None, mac: bytes = b"",
    mtu: int = 0, netns: int | None = None,
) -> bytes:  # fmt: skip
    """A device of this kind, down; `options` are the kind's own. Attributes are in the order of ip(8)."""
    data = attribute(1, mac) if mac else b""
    data += attribute(4, struct.pack("I", mtu)) if mtu else b""
    data += attribute(28, struct.pack("I", netns)) if netns is not None else b""
    data += attribute(5, struct.pack("I", parent)) if parent else b""
    data += attribute(3, _text(name)) if name else b""
    own = b"".join(attribute(number, value) for number, value in (options or {}).items())
    data += attribute(18, attribute(1, kind.encode()) + (attribute(2, own) if own else b""))
    return message(_NEWLINK, _ACK | _CREATE | _EXCL, _link(0, False, data))


def set_master(index: int, bridge: int) -> bytes:
    """A port of the bridge from now on, if it was none."""
    return message(_NEWLINK, _ACK, _link(index, True, attribute(10, struct.pack("I", bridge))))


def add_bridge(name: str, mac: bytes, mtu: int) -> bytes:
    """Not up yet."""
    info = attribute(1, b"bridge")
    data = attribute(3, _text(name)) + attribute(1, mac) + attribute(4, struct.pack("I", mtu)) + attribute(18, info)
    return message(_NEWLINK, _ACK | _CREATE | _EXCL, _link(0, False, data))


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


def isolate_port(index: int) -> bytes:
    """No frame passes between this bridge port and another that is isolated too."""
    data = attribute(12 | _NESTED, attribute(_BRPORT_ISOLATED, b"\1"))
    return message(_SETLINK, _ACK, struct.pack("BxHiII", socket.AF_BRIDGE, 0, index, 0, 0) + data)


def configure(index: int, sysctls: dict[int, int]) -> bytes:
    """Sets net.ipv4.conf.<device>.*, by number: one message where /proc takes a file each."""
    values = b"".join(attribute(number, struct.pack("I", value)) for number, value in sysctls.items())
    inet = attribute(socket.AF_INET | _NESTED, attribute(1 | _NESTED, values))
    return message(_SETLINK, _ACK, _link(index, False, attribute(26 | _NESTED, inet)))


def delete_device(*, name: str = "", index: int = 0) -> bytes:
    data = attribute(3, _text(name)) if name else b""
    return message(_DELLINK, _ACK, struct.pack("BxHiII", 0, 0, index, 0, 0) + data)


def add_address(index: int, address: IPv4Interface | IPv6Interface, *, prefix_route: bool = True) -> bytes:
    """IPv6 addresses are ours to give: nobody is asked whether he has them already."""
    raw, four = address.ip.packed, address.version == 4
    body = struct.pack("BBBBi", _family(address), address.network.prefixlen, 0, 0, index)
    body += attribute(2, raw) + attribute(1, raw)
    if four and address.network.prefixlen < 31:
        body += attribute(4, address.network.broadcast_address.packed)
    flags = (0 if prefix_route else _NOPREFIXROUTE) | (0 if four else _NODAD)
    if flags:
        body += attribute(8, struct.pack("I", flags))
    return message(_NEWADDR, _ACK | _CREATE | _REPLACE, body)


def add_default_route(gateway: IPv4Address | IPv6Address) -> bytes:
    """Takes the place of an earlier one."""
    body = struct.pack("BBBBBBBBI", _family(gateway), 0, 0, 0, 254, 3, 0, 1, 0) + attribute(5, gateway.packed)
    return message(_NEWROUTE, _ACK | _CREATE | _REPLACE, body)


def add_device_route(version: int, index: int) -> bytes:
    """`default dev index`, refused if there is another."""
    family, scope = (socket.AF_INET, 253) if version == 4 else (socket.AF_INET6, 0)
    body = struct.pack("BBBBBBBBI", family, 0, 0, 0, 254, 3, scope, 1, 0) + attribute(4, struct.pack("I", index))
    return message(_NEWROUTE, _ACK | _CREATE | _EXCL, body)


def add_route_via(target: IPv4Network | IPv6Network, gateway: IPv4Address | IPv6Address) -> bytes:
    body = struct.pack("BBBBBBBBI", _family(target), target.prefixlen, 0, 0, 254, 3, 0, 1, 0)
    body += attribute(1, target.network_address.packed) + attribute(5, gateway.packed)
    return message(_NEWROUTE, _ACK | _CREATE, body)


def add_host_route(
    address: IPv4Address | IPv6Address, index: int, source: IPv4Address | IPv6Address | None = None
) -> bytes:
    """`address dev index scope link src source`; takes the place of an earlier one."""
    four = address.version == 4
    body = struct.pack("BBBBBBBBI", _family(address), address.max_prefixlen, 0, 0, 254, 3, 253 if four else 0, 1, 0)
    body += attribute(1, address.packed) + attribute(4, struct.pack("I", index))
    body += attribute(7, source.packed) if source is not None else b""
    return message(_NEWROUTE, _ACK | _CREATE | _REPLACE, body)


def add_subnet_route(subnet: IPv4Network | IPv6Network, index: int, source: IPv4Address | IPv6Address) -> bytes:
    """The route that the kernel makes for an address of this subnet, once more."""
    four = subnet.version == 4
    body = struct.pack("BBBBBBBBI", _family(subnet), subnet.prefixlen, 0, 0, 254, 2, 253 if four else 0, 1, 0)
    body += attribute(1, subnet.network_address.packed) + attribute(4, struct.pack("I", index))
    body += attribute(7, source.packed) if four else attribute(6, struct.pack("I", 256))
    return message(_NEWROUTE, _ACK | _CREATE | _REPLACE, body)


def add_neighbour(address: IPv4Address | IPv6Address, mac: bytes, index: int) -> bytes:
    """A neighbour that needs no ARP, or NDP."""
    body = struct.pack("BxHiHBB", _family(address), 0, index, _PERMANENT, 0, 0)
    return message(_NEWNEIGH, _ACK | _CREATE | _REPLACE, body + attribute(1, address.packed) + attribute(2, mac))


def _family(value: IPv4Address | IPv6Address | IPv4Network | IPv6Network) -> int:
    return socket.AF_INET if value.version == 4 else socket.AF_INET6
