"""A table of our own socket, which nobody else can flush. It keeps translation and tracking of connections switched on
in the kernel while the real tables are gone: what is established goes on as it was, and no packet of it reaches the
host untranslated, which would answer with a reset. Holds nothing else, and goes with the daemon.
"""

from __future__ import annotations

import socket
import struct

from fairlead.network import nft
from fairlead.network.netlink import attribute, message

_NFTABLES = 10 << 8
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 3, 6
_ACK, _CREATE = 4, 0x400
_NESTED = 0x8000
_OWNED = 2
_PREROUTING, _DSTNAT = 0, -100
_STATE, _REGISTER = 0, 1
_CHAIN = b"hold\0"


def name(instance: str) -> str:
    """Of the table that is there as long as this daemon lives."""
    return f"fairlead_{instance}_anchor"


class Anchor:
    """Holds as long as it is open. A kernel without owned tables (before 5.12) goes without."""

    def __init__(self, table: str) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 12)
        self._socket.bind((0, 0))
        try:
            nft.transact(self._socket, _messages(table.encode() + b"\0"))
        except OSError:
            self.close()

    def close(self) -> None:
        self._socket.close()


def _messages(table: bytes) -> list[bytes]:
    """A table with an owner; in it a translating chain, and one rule that needs connections to be tracked."""
    hook = attribute(4 | _NESTED, _number(1, _PREROUTING) + _number(2, _DSTNAT))
    tracking = attribute(1, b"ct\0") + attribute(2 | _NESTED, _number(1, _REGISTER) + _number(2, _STATE))
    rule = attribute(4 | _NESTED, attribute(1 | _NESTED, tracking))
    return [
        _new(_NEW_TABLE, attribute(1, table), _number(2, _OWNED)),
        _new(_NEW_CHAIN, attribute(1, table), attribute(3, _CHAIN), hook, attribute(7, b"nat\0")),
        _new(_NEW_RULE, attribute(1, table), attribute(2, _CHAIN), rule),
    ]


def _new(kind: int, *parts: bytes) -> bytes:
    return message(_NFTABLES | kind, _ACK | _CREATE, struct.pack("!BBH", nft.INET, 0, 0) + b"".join(parts))


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!i", value))
