"""How to make a layer's tar again, byte for byte, from its unpacked tree: all bytes of the tar but the file contents.

A deflated run of records: `R` raw bytes, `F` the content of a file of the tree, `O` the content that file number n
had before a later entry of the same tar replaced it. So a layer is kept once, unpacked, and can still be saved
and pushed under its digest.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

_RAW = struct.Struct("<cI")
_FILE = struct.Struct("<cQH")
_OLD = struct.Struct("<cIQ")
_CHUNK = 1 << 18


class Writer:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._deflate = zlib.compressobj(1)
        self._raw = bytearray()
        self._records = bytearray()
        self._files = 0

    def raw(self, data: bytes) -> None:
        self._raw += data
        if len(self._raw) > _CHUNK:
            self._flush()

    def file(self, name: bytes, size: int) -> int:
        """Returns the file's number, for `replaced`."""
        self._flush()
        self._put(_FILE.pack(b"F", size, len(name)) + name)
        self._files += 1
        return self._files - 1

    def replaced(self, number: int, content: bytes) -> None:
        self._flush()
        self._put(_OLD.pack(b"O", number, len(content)))
        self._put(content)

    def close(self) -> None:
        self._flush()
        self._write(self._deflate.compress(self._records) + self._deflate.flush())

    def _flush(self) -> None:
        if self._raw:
            self._put(_RAW.pack(b"R", len(self._raw)))
            self._put(self._raw)
            self._raw.clear()

    def _put(self, data: bytes | bytearray) -> None:
        """Many small records together: each call costs more than its bytes do."""
        self._records += data
        if len(self._records) > _CHUNK:
            self._write(self._deflate.compress(self._records))
            self._records.clear()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


def _records(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Kind, number or size, bytes. Whole recipes are some ten megabytes at the most: held in memory."""
    data = zlib.decompress(path.read_bytes())
    at = 0
    while at < len(data):
        kind = data[at : at + 1]
        if kind == b"R":
            _, length = _RAW.unpack_from(data, at)
            at += _RAW.size
            yield "raw", length, data[at : at + length]
        elif kind == b"F":
            _, size, length = _FILE.unpack_from(data, at)
            at += _FILE.size
            yield "file", size, data[at : at + length]
        elif kind == b"O":
            _, number, length = _OLD.unpack_from(data, at)
            at += _OLD.size
            yield "old", number, data[at : at + length]
        else:
            raise ValueError(f"{path}: not a recipe")
        at += length


def replay(path: Path, tree: Path, write: Callable[[bytes], object]) -> int:
    """Writes the tar again; returns its size. `tree` is trusted: nobody but us writes into a layer."""
    records = list(_records(path))
    old = {number: data for kind, number, data in records if kind == "old"}
    total = files = 0
    root = os.fsencode(tree)
    for kind, size, data in records:
        if kind == "raw":
            write(data)
            total += len(data)
        elif kind == "file":
            if files in old:
                write(old[files])
            else:
                _copy(root + b"/" + data, size, write)
            files += 1
            total += size
    return total


def _copy(path: bytes, size: int, write: Callable[[bytes], object]) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        left = size
        while left:
            data = os.read(fd, min(left, _CHUNK))
            if not data:
                raise EOFError(f"{os.fsdecode(path)} is shorter than it was")
            write(data)
            left -= len(data)
    finally:
        os.close(fd)
