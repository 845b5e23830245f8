"""A block of lines of ours in a hosts file that is not ours: everything around it stays as it is, byte for byte.

The block is recognised by its first and last line, which name the daemon, so that several daemons keep out of each
other's way. Pure but for `update`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.linux import files

_JOINED = ", after a line without end"
"""The file did not end with a line feed: ours goes again with the block."""


def _edges(instance: str) -> tuple[bytes, bytes]:
    name = f"# fairlead {instance}: "
    return f"{name}begin of what the daemon writes".encode(), f"{name}end\n".encode()


def put(data: bytes, instance: str, lines: Sequence[str]) -> bytes:
    """The file with these lines in its block, at the place where the block was, else at the end."""
    begin, end = _edges(instance)
    before, joined, after, found = _cut(data, begin, end)
    if not lines:
        return before + after
    if not found:
        joined = bool(before) and not before.endswith(b"\n")
    head = (b"\n" if joined else b"") + begin + (_JOINED.encode() if joined else b"") + b"\n"
    return before + head + "".join(f"{line}\n" for line in lines).encode() + end + after


def _cut(data: bytes, begin: bytes, end: bytes) -> tuple[bytes, bool, bytes, bool]:
    """(before the block, whether a line feed there is ours, behind the block, whether there is one at all)."""
    first = data.find(begin)
    last = data.find(end, first)
    if first < 0 or last < 0:
        return data, False, b"", False
    before, after = data[:first], data[last + len(end) :]
    joined = data.startswith(_JOINED.encode(), first + len(begin)) and before.endswith(b"\n")
    if joined and not after:
        before = before[:-1]
    return before, joined and not after, after, True


def update(path: Path, instance: str, lines: Sequence[str]) -> bool:
    """Readers see the old file or the new one, whole; owner and mode stay. Without block and lines nothing is done.

    False if another daemon is at it this very moment, and nothing was done: a lock upon the directory keeps them apart,
    since the file itself is another one afterwards. Where the file is a mount of its own nothing can be put in its
    place: there it is written over.
    """
    try:
        path = path.resolve()
        lock = files.lock_directory(path.parent)
        if lock is None:
            return False
        try:
            before = path.read_bytes()
            after = put(before, instance, lines)
            if after != before:
                _replace(path, after)
        finally:
            os.close(lock)
    except FileNotFoundError as error:
        if lines:
            raise SystemFailure(f"write names to {path}: {error.strerror}") from error
    except OSError as error:
        raise SystemFailure(f"write names to {path}: {error.strerror}") from error
    return True


def _replace(path: Path, data: bytes) -> None:
    had = path.stat()
    try:
        files.write_atomic(path, data, mode=stat.S_IMODE(had.st_mode), owner=(had.st_uid, had.st_gid))
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        path.with_name(f".{path.name}.new").unlink(missing_ok=True)
        files.rewrite_in_place(path, data)
