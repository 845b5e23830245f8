"""Container logs, read in batches: the end of what there is, all of it, and what follows while the container runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

from fairlead.engine import logfile
from fairlead.engine.tasks import Tasks
from fairlead.errors import Unimplemented
from fairlead.linux import inotify
from fairlead.model.container import Container
from fairlead.model.request import LogBatch, LogRequest

_CHANGES = inotify.IN_MODIFY | inotify.IN_ATTRIB | inotify.IN_MOVE_SELF | inotify.IN_DELETE_SELF


class Logs:
    """`path` tells where a container's log is (None: it has none); `running` whether it still writes."""

    def __init__(
        self, tasks: Tasks, path: Callable[[Container], Path | None], running: Callable[[str], bool]
    ) -> None:
        self._tasks = tasks
        self._path = path
        self._running = running
        self._watches: dict[str, set[inotify.Watch]] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    # --- while it runs ----------------------------------------------------------------------------------------

    def begin(self, container: Container) -> None:
        """The container has started: if its log is kept in several files, somebody has to."""
        path = self._path(container)
        _, count = logfile.limits(container.host_config.log_config)
        if path is not None and count > 1:
            task = self._tasks.create_task(_keep(path, count), name=f"log files of {container.name}")
            self._keepers[container.id] = task

    def ended(self, container_id: str) -> None:
        """The container writes no more: followers read what is left and finish."""
        if (keeper := self._keepers.pop(container_id, None)) is not None:
            keeper.cancel()
        for watch in self._watches.pop(container_id, set()):
            watch.poke()

    def followed(self, container_id: str) -> bool:
        """Whether anybody waits for its next line."""
        return bool(self._watches.get(container_id))

    # --- reading ----------------------------------------------------------------------------------------------

    def read(self, container: Container, request: LogRequest) -> AsyncIterator[LogBatch]:
        """Lines in order. Following ends when the container has ended and everything was read. Unimplemented at once,
        before an answer has begun, if there is no log to read."""
        path = self._path(container)
        if path is None:
            raise Unimplemented("configured logging driver does not support reading")
        return self._read(container, path, request)

    async def _read(self, container: Container, path: Path, request: LogRequest) -> AsyncIterator[LogBatch]:
        if not path.exists():
            if not request.follow:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o640)
        choose = _Choice(request)
        async for lines in self._lines(container, path, request):
            batch = choose(logfile.split(lines))
            if batch:
                yield batch
            if choose.over:
                return
            await asyncio.sleep(0)

    async def _lines(self, container: Container, path: Path, request: LogRequest) -> AsyncIterator[list[bytes]]:
        with ExitStack() as stack:
            fds = [_open(file, stack) for file in logfile.files(path)]
            first, offset = (0, 0) if request.tail is None else logfile.tail(fds, request.tail)
            os.lseek(fds[first], offset, os.SEEK_SET)
            for fd in fds[first:-1]:
                for lines in logfile.Reader(fd).chunks():
                    yield lines
            reader = logfile.Reader(fds[-1])
            if not request.follow:
                for lines in reader.chunks():
                    yield lines
                return
            async for lines in self._follow(container.id, path, reader, stack):
                yield lines

    async def _follow(
        self, container_id: str, path: Path, reader: logfile.Reader, stack: ExitStack
    ) -> AsyncIterator[list[bytes]]:
        watch = self._watch(container_id, path)
        try:
            while True:
                ended = not self._running(container_id)
                following = logfile.successor(path, reader.fd)
                for lines in reader.chunks():
                    yield lines
                if following is not None:  # the old one was complete when it got a successor
                    watch.close()
                    reader = logfile.Reader(_open(following, stack))
                    watch = self._watch(container_id, path)
                elif ended:
                    return
                else:
                    await watch.changed()
        finally:
            self._watches.get(container_id, set()).discard(watch)
            watch.close()

    def _watch(self, container_id: str, path: Path) -> inotify.Watch:
        watch = inotify.Watch(path, _CHANGES)
        mine = self._watches.setdefault(container_id, set())
        mine.add(watch)
        return watch


def _open(path: Path, stack: ExitStack) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


async def _keep(path: Path, count: int) -> None:
    watch = inotify.Watch(path.parent, inotify.IN_MOVED_TO)
    try:
        while True:
            logfile.keep(path, count)
            await watch.changed()
    finally:
        watch.close()


class _Choice:
    """Which lines of a batch the request asks for."""

    def __init__(self, request: LogRequest) -> None:
        self._streams = {number for number, wanted in ((1, request.stdout), (2, request.stderr)) if wanted}
        self._since = logfile.stamp(request.since) if request.since is not None else b""
        # Without what is finer than a request can say: a line of that very microsecond is wanted.
        self._until = logfile.stamp(request.until)[:-3] if request.until is not None else b""
        self.over = False

    def __call__(self, batch: LogBatch) -> LogBatch:
        if self._until and batch and batch[-1][1][:-3] > self._until:
            self.over = True
            batch = [line for line in batch if line[1][:-3] <= self._until]
        if self._since and batch and batch[0][1] < self._since:
            batch = [line for line in batch if line[1] >= self._since]
        if len(self._streams) < 2:
            batch = [line for line in batch if line[0] in self._streams]
        return batch
