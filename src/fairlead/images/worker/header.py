"""Headers of tars, read and written quickly: the common kinds here, all else by tarfile, five times as slowly.

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
_NAME = 100
_LIMITS = (8**7, 8**7, 8**7, 8**11, 8**11)
_REST = b"ustar\x0000".ljust(_SIZE - 257, b"\0")
_WRITTEN = frozenset((tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE))
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


def render(info: tarfile.TarInfo) -> bytes:
    """As `tobuf` does in the PAX format, byte for byte."""
    name = f"{info.name}/" if info.type == tarfile.DIRTYPE and not info.name.endswith("/") else info.name
    numbers = (info.mode & 0o7777, info.uid, info.gid, info.size, int(info.mtime))
    plain = info.type in _WRITTEN and not (info.pax_headers or info.uname or info.gname) and numbers[4] == info.mtime
    plain = plain and name.isascii() and info.linkname.isascii() and max(len(name), len(info.linkname)) <= _NAME
    if not plain or not all(0 <= number < limit for number, limit in zip(numbers, _LIMITS, strict=True)):
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    block = bytearray(name.encode().ljust(_NAME, b"\0"))
    block += b"%07o\0%07o\0%07o\0%011o\0%011o\0        " % numbers
    block += info.type + info.linkname.encode().ljust(_NAME, b"\0") + _REST
    block[_CHECKSUM] = b"%06o\0 " % _sum(block)
    return bytes(block)


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
