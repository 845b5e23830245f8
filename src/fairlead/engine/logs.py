"""Container logs: conmon's k8s-file format, read backwards for a tail and forwards for the rest, and followed.

A line is `TIME STREAM F|P text`: P marks a piece of a longer line, F its end. conmon begins a new file when
`max-size` is reached (the old content is dropped); followers notice and start over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from fairlead.errors import Unimplemented
from fairlead.linux import inotify
from fairlead.model.container import Container
from fairlead.model.request import LogEntry, LogRequest

_CHUNK = 1 << 16
_YIELD_EVERY = 512


def parse_line(line: bytes) -> LogEntry | None:
    """One line of the file, with its line feed if it is a whole one; None if it is not a log line."""
    parts = line.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 4:
        return None
    when, stream, tag, data = parts
    text = when.decode(errors="replace")
    if text.endswith("+00:00"):
        text = text[:-6] + "Z"
    return LogEntry(
        stream=2 if stream == b"stderr" else 1,
        time=_time(text),
        time_text=text,
        data=data + (b"\n" if tag == b"F" else b""),
    )


def _time(text: str) -> datetime:
    """Nanoseconds are more than datetime holds: the rest is cut."""
    head, _, tail = text.partition(".")
    fraction = tail.rstrip("Z")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{head}.{fraction}+00:00")
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def tail_offset(fd: int, lines: int) -> int:
    """Where the last `lines` whole lines begin, found from the end without reading the rest."""
    size = os.fstat(fd).st_size
    if lines <= 0:
        return size
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
                return start + position + 1
        at = start
    return 0


def _is_partial(fd: int, feed: int) -> bool:
    """Whether the line that ends at this line feed is a piece (`P`)."""
    head = os.pread(fd, min(feed, 1 << 14), max(0, feed - (1 << 14)))
    line = head[head.rfind(b"\n") + 1 :]
    return len(parts := line.split(b" ", 3)) == 4 and parts[2] == b"P"


class Logs:
    """`path` tells where a container's log is (None: it has none); `running` whether it still writes."""

    def __init__(self, path: Callable[[Container], Path | None], running: Callable[[str], bool]) -> None:
        self._path = path
        self._running = running
        self._watches: dict[str, set[inotify.Watch]] = {}

    async def read(self, container: Container, request: LogRequest) -> AsyncIterator[LogEntry]:
        """Entries in order. Following ends when the container has ended and everything was read."""
        path = self._path(container)
        if path is None:
            raise Unimplemented("configured logging driver does not support reading")
        if not path.exists():
            if not request.follow:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o640)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if request.tail is not None:
                os.lseek(fd, tail_offset(fd, request.tail), os.SEEK_SET)
            async for entry in self._entries(container, path, fd, follow=request.follow):
                if request.until is not None and entry.time > request.until:
                    return
                if request.since is not None and entry.time < request.since:
                    continue
                if request.stdout if entry.stream == 1 else request.stderr:
                    yield entry
        finally:
            os.close(fd)

    async def _entries(self, container: Container, path: Path, fd: int, *, follow: bool) -> AsyncIterator[LogEntry]:
        events = inotify.IN_MODIFY | inotify.IN_MOVE_SELF | inotify.IN_DELETE_SELF
        watch = inotify.Watch(path, events) if follow else None
        if watch is not None:
            self._watches.setdefault(container.id, set()).add(watch)
        lines = _Lines(fd)
        try:
            while True:
                ended = watch is None or not self._running(container.id)
                for count, line in enumerate(lines.available(), 1):
                    if (entry := parse_line(line)) is not None:
                        yield entry
                    if count % _YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                if ended or watch is None:
                    return
                await watch.changed()
                if os.fstat(fd).st_size < os.lseek(fd, 0, os.SEEK_CUR):
                    os.lseek(fd, 0, os.SEEK_SET)
        finally:
            if watch is not None:
                self._watches.get(container.id, set()).discard(watch)
                watch.close()

    def ended(self, container_id: str) -> None:
        """The container writes no more: followers read what is left and finish."""
        for watch in self._watches.pop(container_id, set()):
            watch.poke()


class _Lines:
    """Splits what is read into whole lines; keeps the beginning of the next one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""

    def available(self) -> Iterator[bytes]:
        """Whole lines up to the present end of the file."""
        while data := os.read(self._fd, _CHUNK):
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from whole
