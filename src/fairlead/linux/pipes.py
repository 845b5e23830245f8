"""Pipes without blocking the loop: read as it comes, feed as fast as the reader takes it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import AsyncIterator

SIZE = 1 << 20
_SPLICE_MOVE, _SPLICE_NONBLOCK = 1, 2


def widen(fd: int) -> None:
    """More room, so that both sides run longer at a time; beyond the user's share of pipes it stays as it is."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, SIZE)


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _resolve, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, _resolve, ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


async def read(fd: int) -> bytes:
    """Some bytes of a pipe that does not block; none at its end."""
    while True:
        try:
            return os.read(fd, SIZE)
        except BlockingIOError:
            await readable(fd)


def waiting(fd: int) -> int:
    """How many bytes wait in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0])


async def pass_on(source: int, target: int, count: int) -> None:
    """So many bytes that wait in a pipe go to a socket (which does not block) within the kernel."""
    own = -1  # the loop's transport has the socket's own number
    try:
        while count:
            try:
                count -= os.splice(source, target, count, flags=_SPLICE_MOVE | _SPLICE_NONBLOCK)
            except BlockingIOError:
                own = os.dup(target) if own < 0 else own
                await writable(own)
    finally:
        if own >= 0:
            os.close(own)


async def feed(chunks: AsyncIterator[bytes], fd: int) -> None:
    """Writes a stream into a pipe and closes it. A reader that is gone ends it quietly."""
    os.set_blocking(fd, False)
    try:
        async for chunk in chunks:
            view = memoryview(chunk)
            while view:
                try:
                    view = view[os.write(fd, view) :]
                except BlockingIOError:
                    await writable(fd)
                except BrokenPipeError:
                    return
    finally:
        os.close(fd)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
