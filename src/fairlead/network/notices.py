"""Notices when somebody else changes what we made in the kernel: rules, devices, addresses, routes, forwarding.

Events only, of rtnetlink and nfnetlink. What our own work causes is dropped in the kernel by socket filters (classic
BPF) before it could wake us, as far as it can be told there: a start of a container pays nothing for being watched.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fairlead.network.netlink import attributes

_NEWLINK, _DELLINK, _DELADDR, _DELROUTE, _NEWNETCONF = 16, 17, 21, 25, 80
_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE, _IPV4_NETCONF, _IPV6_NETCONF = 1, 5, 7, 9, 11, 24, 25
_GROUPS = (_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE, _IPV4_NETCONF, _IPV6_NETCONF)
_NETFILTER, _NFTABLES = 12, 7
_NEWGEN = (10 << 8) | 15
_NEWTABLE = 10 << 8
_UP = 1
_ADD_MEMBERSHIP, _SOL_NETLINK = 1, 270
_ATTACH_FILTER, _RCVBUFFORCE = 26, 33
_LARGEST = 1 << 15
_SETTLE_S = 0.05
"""Notices come in swarms; and a container whose devices went with it is known to have ended a moment later."""
_OUT_INTERFACE, _NAME, _FORWARDING = 4, 3, 2


@dataclass(frozen=True, slots=True)
class Damage:
    """What may be damaged: devices by name; with `everything` all there is, and that says why."""

    devices: frozenset[str] = frozenset()
    everything: str = ""

    def __bool__(self) -> bool:
        return bool(self.everything or self.devices)


FORWARDING, MISSED = "forwarding of packets", "more than the kernel could tell of"


class RuleWatch:
    """Calls `touched` when somebody else changed our tables, and `appeared` when the table `neighbour` was made."""

    def __init__(
        self, table: str, own_port: int, touched: Callable[[], None], *, neighbour: str, appeared: Callable[[], None]
    ) -> None:
        self._table = table.encode() + b"\0"
        self._touched = touched
        self._neighbour = neighbour.encode() + b"\0"
        self._appeared = appeared
        self._socket = _listen(_NETFILTER, (_NFTABLES,), _foreign_filter(own_port))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        # Every message about a table names it: no need to know which kind it is.
        if any([self._concerns_us(data) for data in _received(self._socket)]):
            self._touched()

    def _concerns_us(self, data: bytes) -> bool:
        lost = data is _LOST
        if lost or (self._neighbour in data and any(kind == _NEWTABLE for kind, _ in _messages(data))):
            self._appeared()
        return lost or self._table in data

    def skip(self) -> int:
        """Forgets what was said up to now; returns how many transactions that was."""
        seen = 0
        for data in _received(self._socket):
            self._concerns_us(data)
            seen += 2 if data is _LOST else sum(kind == _NEWGEN for kind, _ in _messages(data))
        return seen


class DeviceWatch:
    """Collects suspects among the devices: `damage` waits for them."""

    def __init__(self, ours: Callable[[str], bool]) -> None:
        """`ours` tells by its name whether a device may be one of ours."""
        self._ours = ours
        self._suspects: set[str] = set()
        self._everything = ""
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._socket = _listen(0, _GROUPS, _link_filter())
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    async def damage(self) -> Damage:
        """Waits until there is some, and a moment longer."""
        await self._wake.wait()
        await asyncio.sleep(_SETTLE_S)
        self._wake.clear()
        found = Damage(frozenset(self._suspects), self._everything)
        self._suspects.clear()
        self._everything = ""
        return found

    def suspect(self, damage: Damage) -> None:
        self._suspects |= damage.devices
        self._everything = self._everything or damage.everything
        if damage:
            self._wake.set()

    def _read(self) -> None:
        names: set[str] = set()
        everything = ""
        for data in _received(self._socket):
            if data is _LOST:
                everything = MISSED
                continue
            for kind, body in _messages(data):
                if kind == _NEWNETCONF and _forwards_no_more(body):
                    everything = everything or FORWARDING
                names.add(_device(kind, body))
        self.suspect(Damage(frozenset(filter(self._ours, names)), everything))


_LOST = b"lost"
"""Stands for messages that did not fit into the socket's buffer."""


def _received(sock: socket.socket) -> Iterator[bytes]:
    """All datagrams that are there."""
    while True:
        try:
            yield sock.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            yield _LOST


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("IH", data, at)
        yield kind, data[at + 16 : at + length]
        at += max(16, (length + 3) & ~3)


def _device(kind: int, body: bytes) -> str:
    """Name of the device that the message is about, or nothing."""
    if kind in (_NEWLINK, _DELLINK):
        return dict(attributes(body[16:])).get(_NAME, b"").rstrip(b"\0").decode(errors="replace")
    if kind == _DELADDR:
        return _name(struct.unpack_from("I", body, 4)[0])
    if kind == _DELROUTE:
        return _name(int.from_bytes(dict(attributes(body[12:])).get(_OUT_INTERFACE, b"")[:4], "little"))
    return ""


def _forwards_no_more(body: bytes) -> bool:
    return not any(dict(attributes(body[4:])).get(_FORWARDING, b"yes"))


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""


# --- socket filters: classic BPF (socket(7), linux/filter.h) over the raw netlink message ---------------------------

_LOAD_WORD, _LOAD_HALF, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x28, 0x15, 0x45, 0x06
_TYPE, _PORT, _FLAGS, _CHANGED, _WHICH = 4, 12, 24, 28, 24
"""Offsets: nlmsg_type, nlmsg_pid, ifi_flags, ifi_change, and the first attribute of a netconf message."""
_DROP, _PASS = 0, 0xFFFFFFFF
_ALL_DEVICES = _EVERY_FLAG = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]


def _half(value: int) -> int:
    """Netlink is in the host's order, and a filter loads in the network's."""
    return int.from_bytes(struct.pack("=H", value), "big")


def _word(value: int) -> int:
    return int.from_bytes(struct.pack("=I", value), "big")


def _link_filter() -> list[Instruction]:
    """Passes: a device gone or gone down (not a new one, of which everything changes), an address or a route gone, a
    switch of the whole host."""
    return [
        (_LOAD_HALF, 0, 0, _TYPE),
        (_EQUAL, 11, 0, _half(_DELLINK)),
        (_EQUAL, 10, 0, _half(_DELADDR)),
        (_EQUAL, 9, 0, _half(_DELROUTE)),
        (_EQUAL, 6, 0, _half(_NEWNETCONF)),
        (_EQUAL, 0, 8, _half(_NEWLINK)),
        (_LOAD_WORD, 0, 0, _FLAGS),
        (_ANY_BIT, 6, 0, _word(_UP)),
        (_LOAD_WORD, 0, 0, _CHANGED),
        (_EQUAL, 4, 0, _EVERY_FLAG),
        (_ANY_BIT, 2, 3, _word(_UP)),
        (_LOAD_WORD, 0, 0, _WHICH),
        (_EQUAL, 0, 1, _ALL_DEVICES),
        (_RETURN, 0, 0, _PASS),
        (_RETURN, 0, 0, _DROP),
    ]


def _foreign_filter(own_port: int) -> list[Instruction]:
    """Passes what a socket other than ours caused."""
    return [
        (_LOAD_WORD, 0, 0, _PORT),
        (_EQUAL, 1, 0, _word(own_port)),
        (_RETURN, 0, 0, _PASS),
        (_RETURN, 0, 0, _DROP),
    ]


def _listen(protocol: int, groups: Sequence[int], program: Sequence[Instruction]) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    sock = socket.socket(socket.AF_NETLINK, kind, protocol)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    held = ctypes.create_string_buffer(code, len(code))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(held)))
    sock.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, 1 << 22)
    sock.bind((0, 0))
    for group in groups:
        sock.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
    return sock
