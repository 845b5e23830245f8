"""A tar stream as it comes in: decompressed by its magic bytes, hashed on both sides, recorded for later.

Offers what tarfile asks of a file (read, tell, seek forward), so that headers go through `read` and into the
recipe, while file contents go through `copy` and stay out of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator

from fairlead.images.worker import inflate

CHUNK = 1 << 18
_HEADERS = 1 << 20
"""Bytes that may describe one entry: long names, attributes, maps of holes. (Go: one of each.)"""


class TooLarge(Exception):
    """The stream unpacks to more bytes than allowed."""


class Source:
    """`record` receives every byte that is not file content. `plain`: a tar as it is, whose digest nobody asks for."""

    def __init__(
        self,
        fd: int,
        *,
        limit: int,
        record: Callable[[bytes], None] | None = None,
        hashed: bool = True,
        plain: bool = False,
    ) -> None:
        self.outer = hashlib.sha256()
        """Of the stream as it comes."""
        self.outer_size = 0
        self.inner = hashlib.sha256()
        self.compression = ""
        self._fd = fd
        self._hashed = hashed and not plain
        self._limit = limit
        self._record = record
        self._position = 0
        self._received = 0
        self._buffer = b""
        self._start = 0
        self._allowed = _HEADERS
        self._chunks = self._raw() if plain else self._open()

    @property
    def diff_id(self) -> str:
        return "sha256:" + self.inner.hexdigest()

    @property
    def size(self) -> int:
        return self._received

    def _raw(self) -> Iterator[bytes]:
        while data := os.read(self._fd, CHUNK):
            if self._hashed:
                self.outer.update(data)
            self.outer_size += len(data)
            yield data

    def _open(self) -> Iterator[bytes]:
        self.compression, chunks = inflate.opened(self._raw())
        return chunks

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
