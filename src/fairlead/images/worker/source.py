"""A tar stream as it comes in: decompressed by its magic bytes, hashed on both sides, recorded for later.

Offers what tarfile asks of a file (read, tell, seek forward), so that headers go through `read` and into the
recipe, while file contents go through `copy` and stay out of it.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

CHUNK = 1 << 18
_HEADERS = 1 << 20
"""Bytes that may describe one entry: long names, attributes, maps of holes. (Go: one of each.)"""
_PIECE = 1 << 20
_MEMORY = 256 << 20
"""What xz may take for its window: 65 MiB at its highest level."""


class TooLarge(Exception):
    """The stream unpacks to more bytes than allowed."""


class Inflater(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...


class Source:
    """`record` receives every byte that is not file content."""

    def __init__(
        self,
        fd: int,
        *,
        limit: int,
        record: Callable[[bytes], None] | None = None,
        whole: bool = True,
        hashed: bool = True,
    ) -> None:
        self.outer = hashlib.sha256()
        """Of the stream as it comes; left alone where `whole` is false, since somebody else has it."""
        self._whole = whole and hashed
        self.outer_size = 0
        self.inner = hashlib.sha256()
        self.compression = ""
        self._fd = fd
        self._hashed = hashed
        self._limit = limit
        self._record = record
        self._position = 0
        self._received = 0
        self._buffer = b""
        self._start = 0
        self._allowed = _HEADERS
        self._chunks = self._open()

    @property
    def diff_id(self) -> str:
        return "sha256:" + self.inner.hexdigest()

    @property
    def size(self) -> int:
        return self._received

    def _raw(self) -> Iterator[bytes]:
        while data := os.read(self._fd, CHUNK):
            if self._whole:
                self.outer.update(data)
            self.outer_size += len(data)
            yield data

    def _open(self) -> Iterator[bytes]:
        raw = self._raw()
        head = b""
        for data in raw:
            head += data
            if len(head) >= 6:
                break
        self.compression = _compression(head)
        if not self.compression:
            return _chain(head, raw)
        return _inflate(_inflater(self.compression), _BITES.get(self.compression, 0), head, raw)

    def _fill(self) -> bool:
        data = next(self._chunks, b"")
        if not data:
            return False
        if self._hashed:
            self.inner.update(data)
        self._received += len(data)
        if self._received > self._limit:
            raise TooLarge(f"archive unpacks to more than {self._limit} bytes")
        self._buffer, self._start = data, 0
        return True

    def tell(self) -> int:
        return self._position

    def next_entry(self) -> None:
        """What describes an entry begins."""
        self._allowed = _HEADERS

    def read(self, size: int) -> bytes:
        """Of what describes an entry: tarfile holds it in memory, at whatever length the archive says."""
        self._allowed -= size
        if size < 0 or self._allowed < 0:
            raise TooLarge(f"archive is damaged: an entry's headers are longer than {_HEADERS} bytes")
        return self._recorded(size)

    def _recorded(self, size: int) -> bytes:
        data = self._take(size)
        if self._record is not None:
            self._record(data)
        return data

    def content(self, size: int) -> bytes:
        """Some bytes of content that no file of the tree has."""
        return self._recorded(min(size, CHUNK))

    def seek(self, position: int) -> None:
        if position < self._position:
            raise EOFError("archive is damaged: an entry's size is negative")
        while self._position < position and self._recorded(min(position - self._position, CHUNK)):
            pass

    def copy(self, size: int, write: Callable[[memoryview], int]) -> None:
        """Hands `size` bytes of file content to `write`."""
        left = size
        while left:
            if self._start == len(self._buffer) and not self._fill():
                raise EOFError("unexpected end of archive")
            piece = memoryview(self._buffer)[self._start : self._start + left]
            while piece:
                done = write(piece)
                piece = piece[done:]
                self._start += done
                self._position += done
                left -= done

    def drain(self) -> None:
        """Reads to the end, so that the digests cover all bytes."""
        while self._recorded(CHUNK):
            pass

    def _take(self, size: int) -> bytes:
        data = self._buffer[self._start : self._start + size]
        self._start += len(data)
        while len(data) < size and self._fill():
            more = self._buffer[: size - len(data)]
            self._start = len(more)
            data += more
        self._position += len(data)
        return data


def _compression(head: bytes) -> str:
    for magic, name in (
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
    ):
        if head.startswith(magic):
            return name
    return ""


def _inflater(name: str) -> Callable[[], Inflater]:
    if name == "gzip":
        return lambda: zlib.decompressobj(31)
    if name == "bzip2":
        return bz2.BZ2Decompressor
    if name == "xz":
        return lambda: lzma.LZMADecompressor(memlimit=_MEMORY)
    import zstandard  # costly, and only found behind the path that entry.py was given

    return lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


_BITES = {"gzip": 1 << 15, "zstd": 1 << 12}
"""How much at a time: a bomb of zeros becomes 1,000 times as much, with zstd 30,000 times."""


def _pieces(inflater: Any, data: bytes, bite: int) -> Iterator[bytes]:
    """What comes of `data`, never much at once."""
    if bite:
        yield inflater.decompress(data)
        return
    yield inflater.decompress(data, _PIECE)
    while not inflater.needs_input and not inflater.eof:
        yield inflater.decompress(b"", _PIECE)


def _chain(head: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from raw


def _inflate(make: Callable[[], Inflater], bite: int, head: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    """Also through several members one after the other, as pigz and bgzip write them."""
    inflater = make()
    fresh = True
    step = bite or 1 << 15
    held, size = [], 0
    for data in _chain(head, raw):
        pending = data
        while pending:
            for start in range(0, len(pending), step):
                for out in _pieces(inflater, pending[start : start + step], bite):
                    held.append(out)
                    size += len(out)
                    if size >= CHUNK:
                        yield b"".join(held)
                        held, size = [], 0
                fresh = False
                if getattr(inflater, "eof", False):
                    pending = getattr(inflater, "unused_data", b"") + pending[start + step :]
                    pending = b"" if not pending.strip(b"\0") else pending
                    inflater, fresh = make(), True
                    break
            else:
                pending = b""
    if whole := b"".join(held):
        yield whole
    if not fresh and not getattr(inflater, "eof", True):
        raise EOFError("unexpected end of compressed archive")
    flush = getattr(inflater, "flush", None)
    if not fresh and flush is not None and (rest := flush()):
        yield rest
