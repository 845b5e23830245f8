"""The stdio of an exec, as its client sees it: pipes, or the master side of a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable

from fairlead.engine import detach
from fairlead.linux import pipes

_CHUNK = 1 << 15


class ExecStream:
    """Nothing is read before `begin`: until the process runs, what comes is the runtime's own complaint in its own
    words."""

    def __init__(
        self, tty: bool, stdin: int, outputs: dict[int, int], detector: detach.Detector, finished: asyncio.Event
    ) -> None:
        self.tty = tty
        self._finished = finished
        self._failure = b""
        self._stdin = stdin
        self._detector = detector
        self._queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(maxsize=16)
        self._open = dict(outputs)
        self._left = False
        self.on_detach: Callable[[], object] = lambda: None
        """Called when the client leaves by its detach keys."""
        self._loop = asyncio.get_running_loop()
        for fd in {*outputs.values(), stdin} - {-1}:
            os.set_blocking(fd, False)
        if not outputs:
            self._queue.put_nowait(None)

    def begin(self) -> None:
        """The process runs: its output is read."""
        if not self._left:
            for number in self._open:
                self._resume(number)

    def resize(self, height: int, width: int) -> bool:
        """Sets the terminal's size. Whether there is one."""
        if not self.tty or self._stdin < 0:
            return False
        fcntl.ioctl(self._stdin, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        return True

    def _resume(self, number: int) -> None:
        self._loop.add_reader(self._open[number], self._readable, number)

    def _readable(self, number: int) -> None:
        fd = self._open[number]
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # EIO: the last process has let go of the terminal
        if not data:
            self._end(number)
        else:
            self._queue.put_nowait((number, data))
        if self._queue.qsize() >= self._queue.maxsize - 2:
            for open_fd in self._open.values():
                self._loop.remove_reader(open_fd)

    def _end(self, number: int) -> None:
        fd = self._open.pop(number)
        self._loop.remove_reader(fd)
        if fd != self._stdin:
            os.close(fd)
        if not self._open:
            self._queue.put_nowait(None)

    async def read(self) -> tuple[int, bytes] | None:
        """(stream, bytes); None at the end. A reader that does not come stops the reading, not the daemon."""
        packet = await self._queue.get()
        if self._left:
            return None
        if packet is None:
            self._queue.put_nowait(None)
            await self._finished.wait()  # so that whoever sees the end can ask for the exit code
            text, self._failure = self._failure, b""
            return (1, text) if text else None
        if self._queue.empty():
            for number in self._open:
                self._resume(number)
        return packet

    def fail(self, message: str) -> None:
        """The process could not be started: all that the client reads is why."""
        self._failure = f"{message}\r\n".encode()
        for number in list(self._open):
            self._end(number)

    async def write(self, data: bytes) -> None:
        """Input. Raises BrokenPipeError when nobody reads it, or when the client typed the detach keys."""
        passed, leaves = self._detector.feed(data)
        view = memoryview(passed)
        while view and self._stdin >= 0:
            try:
                view = view[os.write(self._stdin, view) :]
            except BlockingIOError:
                await pipes.writable(self._stdin)
        if leaves:
            self._leave()
            raise BrokenPipeError("read escape sequence")

    def _leave(self) -> None:
        self._let_go()
        if self._queue.empty():
            self._queue.put_nowait(None)
        self.on_detach()

    def _let_go(self) -> None:
        """The process goes on, with output that is nobody's. (Closing would hang up on it, or break its pipe.)"""
        self._left = bool(self._open)
        for number, fd in self._open.items():
            self._loop.remove_reader(fd)
            self._loop.add_reader(fd, self._discard, number)

    def _discard(self, number: int) -> None:
        try:
            data = os.read(self._open[number], _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            fd = self._open.pop(number)
            self._loop.remove_reader(fd)
            os.close(fd)
            if self.tty:
                self._stdin = -1

    async def write_eof(self) -> None:
        if self._stdin >= 0 and not self.tty:
            os.close(self._stdin)
            self._stdin = -1

    async def close(self) -> None:
        """The client is gone: Docker's looks for the detach keys itself, and hangs up."""
        if self._left:
            return
        if self._open and not self._finished.is_set():
            await self.write_eof()
            self._let_go()
            return
        for fd in self._open.values():
            self._loop.remove_reader(fd)
        for fd in {*self._open.values(), self._stdin} - {-1}:
            os.close(fd)
        self._open.clear()
        self._stdin = -1
