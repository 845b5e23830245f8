"""inotify(7): be told when a file changes. Tests and followers sleep on events, not on clocks."""

from __future__ import annotations

import asyncio
import ctypes
import os
from pathlib import Path

IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO = 2, 4, 8, 0x40, 0x80
IN_CREATE, IN_DELETE_SELF, IN_MOVE_SELF = 0x100, 0x400, 0x800
_libc = ctypes.CDLL(None, use_errno=True)


def begin(path: Path, mask: int) -> int:
    """A descriptor that can be read once something of `mask` happened."""
    fd = int(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
    if fd < 0 or _libc.inotify_add_watch(fd, os.fsencode(path), mask) < 0:
        number = ctypes.get_errno()
        if fd >= 0:
            os.close(fd)
        raise OSError(number, f"watch {path}: {os.strerror(number)}")
    return fd


class Watch:
    """Watches one path; `changed` returns at the next event (events while nobody waits count as one)."""

    def __init__(self, path: Path, mask: int) -> None:
        self._fd = begin(path, mask)
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            os.read(self._fd, 1 << 14)
        except OSError:
            pass
        self._event.set()

    async def changed(self) -> None:
        await self._event.wait()
        self._event.clear()

    def poke(self) -> None:
        """Wakes whoever waits, as an event of the file would."""
        self._event.set()

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
