"""Headers of tars, read quickly: the common kinds here, everything else by tarfile, which takes five times as long.

Owners' names are not read: nobody asks for them.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from typing import Self

_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8x64x8s8s155s12x")
_SIZE = tarfile.BLOCKSIZE
_MAGIC = slice(257, 262)
_CHECKSUM = slice(148, 156)
_KINDS = frozenset((tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.XHDTYPE))


class Header(tarfile.TarInfo):
    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = cls._plain(buf, encoding, errors)
        return super().frombuf(buf, encoding, errors) if found is None else found

    @classmethod
    def _plain(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self | None:
        """None where it is of another kind, has other numbers than octal ones, or is damaged."""
        if len(buf) != _SIZE or buf[_MAGIC] != b"ustar":
            return None
        name, mode, uid, gid, size, mtime, checksum, kind, link, major, minor, prefix = _FIELDS.unpack(buf)
        if kind not in _KINDS:
            return None
        found = cls()
        try:
            found.chksum = _octal(checksum)
            found.mode, found.uid, found.gid = _octal(mode), _octal(uid), _octal(gid)
            found.size, found.mtime = _octal(size), _octal(mtime)
            found.devmajor, found.devminor = _octal(major), _octal(minor)
        except ValueError:
            return None
        if _sum(buf) - sum(buf[_CHECKSUM]) + 8 * 0x20 != found.chksum:
            return None
        found.type = kind
        text = name.partition(b"\0")[0].decode(encoding, errors)
        found.name = text.rstrip("/") if kind == tarfile.DIRTYPE else text
        if prefix[0]:
            found.name = f"{prefix.partition(bytes(1))[0].decode(encoding, errors)}/{found.name}"
        found.linkname = link.partition(b"\0")[0].decode(encoding, errors)
        return found


def _sum(block: bytes | bytearray) -> int:
    """Of all bytes: the lower half of Adler's sum is just that, plus one, as long as it cannot run over (65,521)."""
    half = _SIZE // 2
    return sum((zlib.adler32(part) & 0xFFFF) - 1 for part in (block[:half], block[half:]))


def _octal(field: bytes) -> int:
    """Digits alone, or nothing, which is 0 (Python's own tars have no device numbers): the signs, blanks and prefixes
    that `int` takes are tarfile's to judge."""
    digits = field.rstrip(b"\0 ")
    if not digits:
        return 0
    if not digits.isdigit():
        raise ValueError
    return int(digits, 8)
