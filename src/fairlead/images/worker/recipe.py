"""How to make a layer's tar again, byte for byte, from its unpacked tree: all bytes of the tar but the file contents.

A deflated run of records: `R` raw bytes, `F` the content of a file of the tree, `O` the content that file number n
had before a later entry of the same tar replaced it. So a layer is kept once, unpacked, and can still be saved
and pushed under its digest.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_RAW = struct.Struct("<cI")
_FILE = struct.Struct("<cQH")
_OLD = struct.Struct("<cIQ")
_CHUNK = 1 << 18
_HELD = 32 << 20
Record = tuple[str, int, bytes]


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

    def replaced(self, number: int, content: BinaryIO) -> None:
        """In pieces: records of one number are one content."""
        self._flush()
        while data := content.read(_CHUNK):
            self._put(_OLD.pack(b"O", number, len(data)))
            self._put(data)

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


def _records(path: Path) -> Iterator[Record]:
    """Kind, number or size, bytes. Read as it goes: holes and padding of a layer may make it long."""
    with path.open("rb") as file:
        taken = _Deflated(file).take
        while kind := taken(1):
            if kind == b"R":
                _, length = _RAW.unpack(kind + taken(_RAW.size - 1))
                while length:  # those written before today may be long
                    data = taken(min(length, _CHUNK))
                    length -= len(data)
                    yield "raw", len(data), data
            elif kind == b"F":
                _, size, length = _FILE.unpack(kind + taken(_FILE.size - 1))
                yield "file", size, taken(length)
            elif kind == b"O":
                _, number, length = _OLD.unpack(kind + taken(_OLD.size - 1))
                while length:
                    data = taken(min(length, _CHUNK))
                    length -= len(data)
                    yield "old", number, data
            else:
                raise ValueError(f"{path}: not a recipe")


class _Deflated:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj()
        self._data = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """So many bytes; none at the end."""
        while len(self._data) - self._at < size and not self._inflate.eof:
            tail = self._inflate.unconsumed_tail or self._file.read(_CHUNK)
            if not tail:
                raise EOFError(f"{self._file.name} is cut off")
            self._data = self._data[self._at :] + self._inflate.decompress(tail, 4 * _CHUNK)
            self._at = 0
        found = self._data[self._at : self._at + size]
        if found and len(found) < size:
            raise EOFError(f"{self._file.name} is cut off")
        self._at += size
        return found


class _Old:
    """Contents that files had before later entries replaced them: on disk meanwhile, there may be much of it."""

    def __init__(self, directory: Path, records: Iterable[Record]) -> None:
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._file: BinaryIO | None = None
        for kind, number, data in records:
            if kind == "old":
                self._file = self._file or tempfile.TemporaryFile(dir=directory)  # noqa: SIM115  # as long as we
                self._places.setdefault(number, []).append((self._file.tell(), len(data)))
                self._file.write(data)

    def write(self, number: int, write: Callable[[bytes], object]) -> bool:
        """Whether there was one."""
        for at, size in self._places.get(number, ()):
            assert self._file is not None
            self._file.seek(at)
            write(self._file.read(size))
        return number in self._places


def _few(path: Path) -> list[Record] | None:
    """All records, unless they are too many bytes to be held."""
    found, size = [], 0
    for record in _records(path):
        found.append(record)
        size += len(record[2])
        if size > _HELD:
            return None
    return found


def replay(path: Path, tree: Path, write: Callable[[bytes], object]) -> int:
    """Writes the tar again; returns its size. `tree` is trusted: nobody but us writes into a layer."""
    held = _few(path)
    old = _Old(path.parent, held or _records(path))
    total = files = 0
    root = os.fsencode(tree)
    for kind, size, data in held or _records(path):
        if kind == "raw":
            write(data)
            total += len(data)
        elif kind == "file":
            if not old.write(files, write):
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
