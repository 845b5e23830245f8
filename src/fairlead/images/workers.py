"""The process that workers are forked from (images/worker/forker.py), and the workers it has: Python's start and its
imports are most of what a small job costs, so they are paid once. It stays for a while after the last job.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fairlead
from fairlead.errors import SystemFailure
from fairlead.linux import pipes, process

SOURCE = str(Path(fairlead.__file__).parent.parent)
_PROGRAM = "import sys; sys.path[:0] = [sys.argv[1]]; from fairlead.images.worker.forker import main; main()"
IDLE_S = 300
_LOST = -signal.SIGKILL
LIFE, CONTROL = 4, 5
"""Descriptors of a worker (0, 1, 2 and 3 are the job's own), and of the process it is forked from."""


LIBRARIES = ("zstandard", "zlib_ng")
_OPTIONAL = ("zlib_ng",)


def sites(libraries: Sequence[str]) -> list[str]:
    """Where they are found; they are not imported here: that would cost the daemon time and memory."""
    return list(dict.fromkeys(path for library in libraries for path in _site(library)))


def _site(library: str) -> list[str]:
    found = importlib.util.find_spec(library)
    if found is not None and found.origin is not None:
        return [str(Path(found.origin).parent.parent)]
    if library in _OPTIONAL:
        return []
    raise SystemFailure(f"Python package {library} is not installed")


@dataclass(frozen=True, slots=True)
class Worker:
    """`ended` has its exit code once it is gone. It dies when `life` closes, with a killed daemon too."""

    number: int
    life: int
    ended: asyncio.Future[int]

    async def wait(self) -> int:
        """Its exit code; whoever gives up waiting leaves it to the others."""
        return await asyncio.shield(self.ended)


class Workers:
    def __init__(self) -> None:
        self._link: socket.socket | None = None
        self._child: process.Child | None = None
        self._running: dict[int, asyncio.Future[int]] = {}
        self._last = 0
        self._retirement: asyncio.TimerHandle | None = None

    async def start(self, text: str, fds: Mapping[int, int]) -> Worker:
        """A worker with the arguments `text`, and `fds` of ours as its own: they may be closed after."""
        memory = _memory(text)
        lifeline, life = os.pipe2(os.O_CLOEXEC)
        self._last += 1
        worker = Worker(self._last, life, asyncio.get_running_loop().create_future())
        self._running[worker.number] = worker.ended
        try:
            await self._send({"job": worker.number, "targets": [*fds, LIFE]}, [memory, *fds.values(), lifeline])
        except BaseException:
            self._running.pop(worker.number, None)
            os.close(life)
            raise
        finally:
            os.close(memory)
            os.close(lifeline)
        return worker

    async def end(self, worker: Worker) -> None:
        """Kills the worker and returns when it is gone, so that what it was writing to may be removed."""
        if not worker.ended.done():
            await self._send({"kill": worker.number}, [])
            await worker.wait()

    async def _send(self, message: Mapping[str, object], fds: Sequence[int]) -> None:
        data = json.dumps(message).encode()
        while True:
            link = self._link or self._open()
            try:
                socket.send_fds(link, [data], fds)
                return
            except BlockingIOError:
                await pipes.writable(link.fileno())
            except OSError:
                self.close()  # it was killed; the next one takes it

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        argv = [sys.executable, "-I", "-S", "-c", _PROGRAM, SOURCE, *sites(LIBRARIES)]
        try:
            # 3 and 4 are taken from the start, or what arrives could lie where a job's own are to be.
            taken = dict.fromkeys((3, LIFE, CONTROL), theirs.fileno())
            self._child = process.spawn(argv, fds={2: 2, **taken})
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._link = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._readable, ours)
        return ours

    def _readable(self, link: socket.socket) -> None:
        try:
            data = link.recv(64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        number, code = map(int, data.split())
        self._ended(number, code)

    def _ended(self, number: int, code: int) -> None:
        ended = self._running.pop(number, None)
        if ended is not None and not ended.done():
            ended.set_result(code)
        if not self._running:
            if self._retirement is not None:
                self._retirement.cancel()
            self._retirement = asyncio.get_running_loop().call_later(IDLE_S, self._retire)

    def _retire(self) -> None:
        if not self._running:
            self.close()

    def close(self) -> None:
        """Ends the process. Its workers die when those who wait for them close their lives; we cannot see it."""
        if self._retirement is not None:
            self._retirement.cancel()
            self._retirement = None
        if self._link is not None:
            link, self._link = self._link, None
            asyncio.get_running_loop().remove_reader(link.fileno())
            link.close()
        if self._child is not None:
            child, self._child = self._child, None
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(child.pidfd)
        running, self._running = self._running, {}
        for ended in running.values():
            if not ended.done():
                ended.set_result(_LOST)


def _memory(text: str) -> int:
    """A file of the text, from its start: arguments may be longer than a message."""
    memory = os.memfd_create("arguments", os.MFD_CLOEXEC)
    view = memoryview(text.encode("utf-8", "surrogateescape"))
    while view:
        view = view[os.write(memory, view) :]
    os.lseek(memory, 0, os.SEEK_SET)
    return memory

