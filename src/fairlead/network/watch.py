"""Sockets that are seldom ready, any number of them, behind one entry in the loop's own selector.

asyncio takes some 20 µs to add a reader, which is 20 ms at the start of a container with a thousand ports.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

_AT_ONCE = 256


class Watch:
    """Calls back for each descriptor that has something to read, again and again until it has been read."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, fd: int, callback: Callable[[], None]) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._epoll.fileno(), self._ready)
        self._epoll.register(fd, select.EPOLLIN)
        self._callbacks[fd] = callback

    def remove(self, fd: int) -> None:
        """Before the descriptor is closed; absent is fine."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0, _AT_ONCE):
            if (callback := self._callbacks.get(fd)) is not None:
                callback()

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
