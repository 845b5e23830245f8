"""One accepted socket as an asyncio protocol: bytes in, bytes out, back-pressure both ways, half-close kept.

A client that shuts down its writing side still gets its answer; a client that is *gone* (both sides shut) is
noticed at once, also while nothing is being read or written, and reported through `on_gone`.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from typing import cast

from fairlead.linux import pipes

_HIGH_WATER = 256 * 1024
_arrival = memoryview(bytearray(120 * 1024))
"""Where the kernel puts what a client sent, for all channels: nothing else runs before it is taken from there. (asyncio
would make a buffer of 256 KiB for every arrival, each with pages of its own: linux/memory.py. This one is smaller.)"""


class Channel(asyncio.BufferedProtocol):
    def __init__(self, opened: Callable[[Channel], None]) -> None:
        self._opened = opened
        self._pieces: list[bytes] = []
        self._size = 0
        self._eof = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._hangup: select.epoll | None = None
        self.gone = False
        self.on_gone: Callable[[], object] | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _arrival

    def buffer_updated(self, nbytes: int) -> None:
        self._pieces.append(bytes(_arrival[:nbytes]))
        self._size += nbytes
        if self._size > _HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake()
        self.watch_hangup()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._eof = True
        self._wake()
        self._leave()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # the server's side

    @property
    def at_eof(self) -> bool:
        return self._eof

    async def read(self) -> bytes:
        """What has arrived, at least one byte; empty once the client has finished writing."""
        if not self._pieces and not self._eof:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused and not self.gone:
            self._paused = False
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        if self.gone:
            raise ConnectionResetError("the client has left")
        self._transport.write(data)

    async def drain(self) -> None:
        if not self._writable.is_set():
            await self._writable.wait()
        if self.gone:
            raise ConnectionResetError("the client has left")

    async def pass_on(self, pipe: int, count: int) -> None:
        """So many bytes of a pipe go out within the kernel, behind what was written."""
        self._transport.set_write_buffer_limits(0)  # drained is what has gone, to the last byte
        try:
            await self.drain()
            await pipes.pass_on(pipe, self._transport.get_extra_info("socket").fileno(), count)
        finally:
            self._transport.set_write_buffer_limits()

    def write_eof(self) -> None:
        if not self.gone and self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    async def linger(self, timeout_s: float) -> None:
        """Finish writing, then swallow input until the client closes.

        Closing a unix socket with unread input would reset the connection under the client's last read.
        """
        self.write_eof()
        try:
            async with asyncio.timeout(timeout_s):
                while await self.read():
                    pass
        except TimeoutError:
            pass

    def close(self) -> None:
        self._forget_hangup()
        if not self._transport.is_closing():
            self._transport.close()

    def watch_hangup(self) -> None:
        """Notice the client's complete departure even while we do not read.

        After end of file (and while reading is paused) asyncio no longer looks at the socket. An epoll set with an
        empty event mask still reports EPOLLHUP, and is itself a descriptor the loop can wait for.
        """
        peer = self._transport.get_extra_info("socket")
        if self._hangup is not None or self.gone or peer is None or peer.fileno() < 0:
            return
        if peer.family != socket.AF_UNIX and self._eof:
            return
        self._hangup = select.epoll()
        self._hangup.register(peer.fileno(), 0)
        asyncio.get_running_loop().add_reader(self._hangup.fileno(), self._leave)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _leave(self) -> None:
        self._forget_hangup()
        if self.gone:
            return
        self.gone = True
        self._eof = True
        self._wake()
        self._writable.set()
        if self.on_gone is not None:
            self.on_gone()

    def _forget_hangup(self) -> None:
        if self._hangup is not None:
            asyncio.get_running_loop().remove_reader(self._hangup.fileno())
            self._hangup.close()
            self._hangup = None
