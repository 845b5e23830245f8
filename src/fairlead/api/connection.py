"""One client connection: reads requests, sends answers, hands over the raw socket when a handler hijacks it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from fairlead.api import errors
from fairlead.api.channel import Channel
from fairlead.api.exchange import JSON, Hijack, Piped, Reply, Request, Response, Stream
from fairlead.api.http1 import Head, Headers, Http1, Malformed
from fairlead.api.prompt import Prompt
from fairlead.errors import InvalidParameter

log = logging.getLogger(__name__)

_ENOUGH = 1 << 16
_LINGER_S = 2.0
"""How long a client may take to notice that its unread body is not wanted, or that a stream has ended."""


class Connection:
    def __init__(
        self, channel: Channel, standing_headers: Headers, answer: Callable[[Request], Awaitable[Reply]]
    ) -> None:
        self._channel = channel
        self._http = Http1(standing_headers)
        self._answer = answer

    async def run(self) -> None:
        """Serve until either side has had enough. Cancelled when the client is gone."""
        task = asyncio.current_task()
        self._channel.on_gone = task.cancel if task is not None else None
        try:
            while await self._exchange():
                pass
        except ConnectionError:
            pass  # the client left while we wrote: nobody to tell
        except Exception:
            log.exception("connection failed")
        finally:
            self._channel.on_gone = None
            self._channel.close()

    async def _exchange(self) -> bool:
        head = await self._read_head()
        if head is None:
            return False
        reply = await self._answer(Request(head, self))
        if isinstance(reply, Hijack):
            await self._hijack(head, reply)
            return False
        if isinstance(reply, Stream):
            await self._send_stream(head, reply)
        else:
            await self._send(reply)
        if self._http.body_pending:
            await self._channel.linger(_LINGER_S)
        return self._http.reuse()

    async def _read_head(self) -> Head | None:
        try:
            while (head := self._http.next_head()) is None:
                self._http.receive(await self._channel.read())
            return head
        except EOFError:
            return None
        except Malformed as error:
            await self._refuse(error)
            return None

    async def _refuse(self, error: Malformed) -> None:
        """Answer bytes that are not a request, if we still can, and give up the connection."""
        if not self._http.can_answer or self._channel.gone:
            return
        body = errors.body(str(error))
        self._channel.write(self._http.whole(error.status, [("Content-Type", JSON), ("Connection", "close")], body))
        await self._channel.linger(_LINGER_S)

    async def body(self) -> AsyncIterator[bytes]:
        try:
            while (piece := self._http.next_body()) is not None:
                if piece:
                    yield piece
                    continue
                if interim := self._http.interim():
                    self._channel.write(interim)
                self._http.receive(await self._channel.read())
        except Malformed as error:
            raise InvalidParameter("unexpected EOF" if self._channel.at_eof else str(error)) from error

    async def _send(self, reply: Response) -> None:
        headers = list(reply.headers)
        if reply.content_type:
            headers.append(("Content-Type", reply.content_type))
        if reply.close or self._http.body_pending:
            headers.append(("Connection", "close"))
        self._channel.write(self._http.whole(reply.status, headers, reply.body))
        await self._channel.drain()

    async def _send_stream(self, head: Head, reply: Stream) -> None:
        headers = [("Content-Type", reply.content_type), *reply.headers]
        if isinstance(reply.chunks, Piped) and head.method != "HEAD":
            async with contextlib.aclosing(reply.chunks) as piped:
                await self._send_piped(piped, self._http.head(reply.status, headers))
            return
        async with contextlib.aclosing(_closable(reply.chunks)) as chunks:
            out = _Together(self._channel)
            out.add(self._http.head(reply.status, headers))
            if head.method == "HEAD":
                out.add(self._http.end())
                out.flush()
                return
            try:
                while (chunk := await Prompt(anext(chunks, None), out.flush)) is not None:
                    out.add(self._http.data(chunk))
                    await self._channel.drain()
            except Exception:
                out.flush()  # what came before the failure is the client's
                raise
        out.add(self._http.end())
        out.flush()
        await self._channel.drain()

    async def _send_piped(self, chunks: Piped, head: bytes) -> None:
        self._channel.write(head)
        while count := await chunks.ready():
            before, behind = self._http.around(count)
            self._channel.write(before)
            await self._channel.pass_on(chunks.pipe, count)
            self._channel.write(behind)
        self._channel.write(self._http.end())
        await self._channel.drain()

    async def _hijack(self, head: Head, reply: Hijack) -> None:
        """Switch to the raw stream. Its end is the end of the connection."""
        if reply.head:
            self._channel.write(reply.head)
        elif head.upgrade:
            self._channel.write(self._http.switch(reply.content_type))
        else:
            self._channel.write(self._http.raw_head(reply.content_type))
        self._channel.watch_hangup()
        await reply.pump(_Raw(self._channel, self._http.rest()))
        await self._channel.drain()
        await self._channel.linger(_LINGER_S)


class _Together:
    """Small pieces that come at once go out with one system call."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pieces = bytearray()

    def add(self, data: bytes) -> None:
        if len(data) + len(self._pieces) >= _ENOUGH:
            self.flush()
            self._channel.write(data)
        else:
            self._pieces += data

    def flush(self) -> None:
        if self._pieces:
            self._channel.write(bytes(self._pieces))
            self._pieces.clear()


class _Raw:
    def __init__(self, channel: Channel, first: bytes) -> None:
        self._channel = channel
        self._first = first

    async def read(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return await self._channel.read()

    async def write(self, data: bytes) -> None:
        self._channel.write(data)
        await self._channel.drain()


async def _closable(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same chunks as a generator, so that the source is closed with it, whatever its kind."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
