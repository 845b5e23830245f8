"""What is compressed becomes what it was: by its magic bytes, in small bites, so that a bomb meets its limit early."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import os
from collections.abc import Callable, Iterator
from typing import Any

from fairlead.images.worker import children, zlibs

_CHUNK = 1 << 18
_BITES = {"gzip": 1 << 15, "zstd": 1 << 12}
"""How much at a time: a bomb of zeros becomes 1,000 times as much, with zstd 30,000 times."""
_BITE = 1 << 15
_PIECE = 1 << 20
"""How much comes out at a time of those that can be asked for less."""
_MEMORY = 256 << 20
"""What xz may take for its window: 65 MiB at its highest level."""
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
_LONGEST = max(len(magic) for magic, _ in _MAGIC)


class Damaged(Exception):
    """It is not what its magic bytes promise."""


def opened(raw: Iterator[bytes]) -> tuple[str, Iterator[bytes]]:
    """How it is compressed ("" if it is not), and what it holds."""
    head = b""
    for data in raw:
        head += data
        if len(head) >= _LONGEST:
            break
    name = compression(head)
    return name, _inflate(_inflater(name), _BITES.get(name, 0), head, raw) if name else _chain(head, raw)


def compression(head: bytes) -> str:
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def carry(source: int, target: int) -> dict[str, Any]:
    """From pipe to pipe, to the end, or until nobody reads it."""
    name, chunks = opened(_read(source))
    digest = hashlib.sha256()
    try:
        for data in chunks:
            digest.update(data)
            children.write(target, data)
    except BrokenPipeError:
        return {"left": True}
    return {"compression": name, "diff_id": "sha256:" + digest.hexdigest()}


def _read(fd: int) -> Iterator[bytes]:
    while data := os.read(fd, _CHUNK):
        yield data


def _inflater(name: str) -> Callable[[], Any]:
    """The libraries are only found behind the path that the process was given."""
    if name == "gzip":
        library = zlibs.best()
        return lambda: library.decompressobj(zlibs.GZIP)
    if name == "bzip2":
        return bz2.BZ2Decompressor
    if name == "xz":
        return lambda: lzma.LZMADecompressor(memlimit=_MEMORY)
    import zstandard

    return lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


def _chain(head: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from raw


def _inflate(make: Callable[[], Any], bite: int, head: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    """Also through several members one after the other, as pigz and bgzip write them, and zeros between and behind."""
    inflater = make()
    fresh, later = True, False
    step = bite or _BITE
    held, size = [], 0
    for data in _chain(head, raw):
        pending = data.lstrip(b"\0") if later and fresh else data
        while pending:
            for start in range(0, len(pending), step):
                for out in _pieces(inflater, pending[start : start + step], bite):
                    held.append(out)
                    size += len(out)
                    if size >= _CHUNK:
                        yield b"".join(held)
                        held, size = [], 0
                fresh = False
                if getattr(inflater, "eof", False):
                    pending = (getattr(inflater, "unused_data", b"") + pending[start + step :]).lstrip(b"\0")
                    inflater, fresh, later = make(), True, True
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


def _pieces(inflater: Any, data: bytes, bite: int) -> Iterator[bytes]:
    """What comes of `data`, never much at once."""
    try:
        if bite:
            yield inflater.decompress(data)
            return
        yield inflater.decompress(data, _PIECE)
        while not inflater.needs_input and not inflater.eof:
            yield inflater.decompress(b"", _PIECE)
    except Exception as error:  # each library has errors of its own
        kind = type(error).__name__
        raise Damaged(str(error) if kind == "error" else f"{kind}: {error}") from error  # zlib's is called just that
