"""A container's log on disk: conmon's k8s-file format, lines of `TIME STREAM F|P text`, and the files it has when it is
kept in several (`container.log`, `.1`, `.2` …, newest first). P marks a piece of a longer line, F its end.

Everything works on whole chunks: a log of a gigabyte has ten million lines.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fairlead.model.container import LogConfig
from fairlead.model.request import LogLine

_CHUNK = 1 << 18
# 2026-01-02T03:04:05.678901234+00:00 stdout F text
_STAMP, _STREAM, _TAG, _TEXT = 29, 39, 43, 45
_STDERR, _WHOLE = ord("e"), ord("F")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)(?:i?b)?\Z")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_LOCAL_SIZE, _LOCAL_FILES = 20 * 10**6, 5


def limits(config: LogConfig) -> tuple[int, int]:
    """(bytes of one file, 0 = no limit; how many files) of a checked log config."""
    local = config.type == "local"
    size, count = config.options.get("max-size", ""), config.options.get("max-file", "")
    found = _SIZE.match(size.lower())
    max_bytes = int(float(found[1]) * _UNITS[found[2]]) if found else _LOCAL_SIZE if local else 0
    return max_bytes, int(count) if count else _LOCAL_FILES if local else 1


def split(lines: Sequence[bytes]) -> list[LogLine]:
    """(1 stdout or 2 stderr, time, text with its line feed if it is a whole line); what is no log line is left out."""
    return [
        (
            2 if line[_STREAM] == _STDERR else 1,
            line[:_STAMP],
            line[_TEXT:] + b"\n" if line[_TAG] == _WHOLE else line[_TEXT:],
        )
        for line in lines
        if len(line) >= _TEXT
    ]


def stamp(moment: datetime) -> bytes:
    """A time as it would stand in the log: such texts compare as the times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"000"


class Reader:
    """Reads whole lines from a descriptor; keeps the beginning of the next one."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""

    def chunks(self) -> Iterator[list[bytes]]:
        """Up to the present end of the file."""
        while data := os.read(self.fd, _CHUNK):
            lines = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
            self._rest = lines.pop()
            yield lines


def tail(fds: Sequence[int], lines: int) -> tuple[int, int]:
    """(which file, which offset) the last `lines` lines of all files together begin at, found from the end."""
    for index in range(len(fds) - 1, -1, -1):
        offset, seen = _tail_of_one(fds[index], lines)
        if seen >= lines or index == 0:
            return index, offset
        lines -= seen
    return 0, 0


def _tail_of_one(fd: int, lines: int) -> tuple[int, int]:
    """(offset, how many lines there are from there to the end)."""
    size = os.fstat(fd).st_size
    if lines <= 0:
        return size, 0
    at, seen, end = size, 0, size
    while at > 0:
        start = max(0, at - _CHUNK)
        data = os.pread(fd, at - start, start)
        position = len(data)
        while (position := data.rfind(b"\n", 0, position)) >= 0:
            if start + position + 1 == end:
                continue  # the feed that ends the last line
            # A piece of a longer line does not count as a line.
            if not _is_partial(fd, start + position):
                seen += 1
            if seen == lines:
                return start + position + 1, seen
        at = start
    return 0, seen + (size > 0)


def _is_partial(fd: int, feed: int) -> bool:
    """Whether the line that ends at this line feed is a piece (`P`)."""
    head = os.pread(fd, min(feed, 1 << 14), max(0, feed - (1 << 14)))
    line = head[head.rfind(b"\n") + 1 :]
    return len(line) > _TAG and line[_TAG : _TAG + 1] == b"P"


# --- several files ------------------------------------------------------------------------------------------------


def files(path: Path) -> list[Path]:
    """Oldest first, the present one last. One that was rotated out a moment ago has no number yet."""
    numbered: list[Path] = []
    while (older := _numbered(path, len(numbered) + 1)).exists():
        numbered.append(older)
    pending = [_next(path)] if _inode(_next(path)) not in (0, _inode(path)) else []
    return [*reversed(numbered), *pending, path]


def successor(path: Path, fd: int) -> Path | None:
    """The file to read after the one behind `fd`; None while that is still written to."""
    known, mine = files(path), os.fstat(fd).st_ino
    inodes = [_inode(file) for file in known]
    if mine == inodes[-1]:
        return None
    return known[inodes.index(mine) + 1] if mine in inodes else known[0]


def keep(path: Path, count: int) -> None:
    """Brings the files in order. conmon, at its limit, puts a new file in the place of the present one, whose content
    would be gone, were it not for a second name that we gave it."""
    held = _next(path)
    present = _inode(path)
    if present in (0, _inode(held)):
        return
    if _inode(held):
        _numbered(path, count - 1).unlink(missing_ok=True)
        for number in range(count - 2, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                _numbered(path, number).rename(_numbered(path, number + 1))
        held.rename(_numbered(path, 1))
    held.hardlink_to(path)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _next(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
