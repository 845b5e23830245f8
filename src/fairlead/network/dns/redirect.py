"""Brings 127.0.0.11:53 of a sandbox to our sockets there, which have ports of their own: port 53 stays free for a
program of the container, on 0.0.0.0 too.

Loaded raw, 0.2 ms, since it is on the path of every start. Ports are rewritten in each packet and nothing is tracked:
no look-up leaves a conntrack entry, and both ways work again at once when another daemon's sockets take over. The
last rule lets an asker learn that nobody listens (ICMP carries the port that was not there).
"""

from __future__ import annotations

import os
import socket
import struct

from fairlead.errors import SystemFailure
from fairlead.network.netlink import attribute, message

ADDRESS = "127.0.0.11"
_PORT = 53
_PACKED = socket.inet_aton(ADDRESS)
_TABLE = b"fairlead_resolver\0"
_CHAIN = b"output\0"
_SUBSYSTEM = 10
_NEWTABLE, _NEWCHAIN, _NEWRULE, _DELRULE, _BEGIN, _END = 0, 3, 6, 8, 16, 17
_ACK, _CREATE, _APPEND = 4, 0x400, 0x800
_NESTED = 0x8000
_IPV4, _LOCAL_OUT, _RAW = 2, 3, -300
_NETWORK, _TRANSPORT = 1, 2
_EQUAL, _DIFFERS = 0, 1
_ACCEPT = 1
_UDP, _TCP, _ICMP = 17, 6, 1
_CHECKSUM_AT = {_UDP: 6, _TCP: 16, _ICMP: 2}


def _u32(value: int) -> bytes:
    return struct.pack("!I", value)


def _expression(name: str, data: bytes) -> bytes:
    return attribute(1 | _NESTED, attribute(1, name.encode() + b"\0") + attribute(2 | _NESTED, data))


def _load(base: int, offset: int, length: int) -> bytes:
    fields = (1, base, offset, length)
    return _expression("payload", b"".join(attribute(kind, _u32(value)) for kind, value in enumerate(fields, 1)))


def _compare(how: int, value: bytes) -> bytes:
    return _expression(
        "cmp", attribute(1, _u32(1)) + attribute(2, _u32(how)) + attribute(3 | _NESTED, attribute(1, value))
    )


def _match(base: int, offset: int, value: bytes) -> bytes:
    return _load(base, offset, len(value)) + _compare(_EQUAL, value)


def _store(offset: int, value: bytes, protocol: int) -> bytes:
    """Writes into the transport header, checksum included."""
    load = _expression("immediate", attribute(1, _u32(1)) + attribute(2 | _NESTED, attribute(1, value)))
    fields = {5: 1, 2: _TRANSPORT, 3: offset, 4: len(value), 6: 1, 7: _CHECKSUM_AT[protocol]}
    return load + _expression("payload", b"".join(attribute(kind, _u32(number)) for kind, number in fields.items()))


def _accept() -> bytes:
    verdict = attribute(2 | _NESTED, attribute(1, _u32(_ACCEPT)))
    return _expression("immediate", attribute(1, _u32(0)) + attribute(2 | _NESTED, verdict))


_FRAME = struct.pack("!BBH", 0, 0, _SUBSYSTEM)
_HEAD = struct.pack("!BBH", _IPV4, 0, 0) + attribute(1, _TABLE)


def _change(kind: int, flags: int, body: bytes) -> bytes:
    return message((_SUBSYSTEM << 8) | kind, flags, body)


def _rule(*expressions: bytes) -> bytes:
    body = _HEAD + attribute(2, _CHAIN) + attribute(4 | _NESTED, b"".join(expressions))
    return _change(_NEWRULE, _CREATE | _APPEND, body)


def _there_and_back(protocol: int, port: bytes) -> bytes:
    asked, number = struct.pack("!H", _PORT), _match(_NETWORK, 9, bytes([protocol]))
    there = number + _match(_NETWORK, 16, _PACKED) + _match(_TRANSPORT, 2, asked) + _store(2, port, protocol)
    back = number + _match(_NETWORK, 12, _PACKED) + _match(_TRANSPORT, 0, port) + _store(0, asked, protocol)
    return _rule(there, _accept()) + _rule(back, _accept())


def _build(udp: bytes, tcp: bytes) -> bytes:
    """The table of a sandbox, whatever was in it before."""
    hook = attribute(1, _u32(_LOCAL_OUT)) + attribute(2, struct.pack("!i", _RAW))
    chain = _HEAD + attribute(3, _CHAIN) + attribute(4 | _NESTED, hook) + attribute(7, b"filter\0")
    index = _expression("meta", attribute(1, _u32(1)) + attribute(2, _u32(5)))
    elsewhere = _rule(index, _compare(_DIFFERS, struct.pack("I", 1)), _accept())
    quoted = _match(_TRANSPORT, 24, _PACKED) + _match(_TRANSPORT, 30, udp)
    refused = _match(_NETWORK, 9, bytes([_ICMP])) + _match(_TRANSPORT, 0, b"\3") + quoted
    return b"".join([
        message(_BEGIN, 0, _FRAME), _change(_NEWTABLE, _CREATE, _HEAD), _change(_NEWCHAIN, _CREATE, chain),
        _change(_DELRULE, 0, _HEAD + attribute(2, _CHAIN)),
        elsewhere, _there_and_back(_UDP, udp), _there_and_back(_TCP, tcp),
        _rule(refused, _store(30, struct.pack("!H", _PORT), _ICMP)),
        message(_END, _ACK, _FRAME),
    ])  # fmt: skip


_MARKS = b"\xa5\xc3", b"\xc3\xa5"
"""Ports that stand for the real ones in the table below, built once: a start only fills them in."""
_READY = _build(*_MARKS)
if any(_READY.count(mark) != times for mark, times in zip(_MARKS, (3, 2), strict=True)):
    raise ImportError("a mark of the resolver's table occurs elsewhere in it")


def load(sock: socket.socket, *, udp: int, tcp: int) -> None:
    """Loads the table through a netfilter socket of the sandbox; replaces an earlier daemon's."""
    ready = _READY.replace(_MARKS[0], struct.pack("!H", udp)).replace(_MARKS[1], struct.pack("!H", tcp))
    sock.send(ready)
    data = sock.recv(1 << 14)
    code = -struct.unpack_from("i", data, 16)[0]
    if code:
        raise SystemFailure(f"load the resolver's rules: {os.strerror(code)}")
