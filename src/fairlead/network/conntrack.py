"""Ends connections whose leave was withdrawn: deletes conntrack entries between two addresses (ctnetlink, raw).

Rare (a link removed), so it may cost a walk over the table; nothing on the path of a start does this.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address

from fairlead.network.netlink import attribute, attributes, message

_SUBSYSTEM = 1
_GET, _DELETE = 1, 2
_DUMP, _ACK = 0x300, 4
_NESTED = 0x8000
_TUPLE_ORIG, _ID = 1, 12


def forget(pairs: Iterable[tuple[IPv4Address, IPv4Address]]) -> None:
    """Deletes entries whose original direction goes from the first address of a pair to the second."""
    wanted = {(a.packed, b.packed) for a, b in pairs}
    if not wanted:
        return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 12) as sock:
        sock.bind((0, 0))
        header = struct.pack("!BBH", socket.AF_INET, 0, 0)
        for body in _dump(sock, header):
            have = dict(attributes(body[4:]))
            if _addresses(have.get(_TUPLE_ORIG, b"")) in wanted:
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


def _addresses(tuple_orig: bytes) -> tuple[bytes, bytes]:
    """(source, destination) of a CTA_TUPLE: in CTA_TUPLE_IP, CTA_IP_V4_SRC and _DST."""
    ip = dict(attributes(dict(attributes(tuple_orig)).get(1, b"")))
    return ip.get(1, b""), ip.get(2, b"")
