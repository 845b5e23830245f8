"""Bytes of long answers: stdcopy frames, JSON progress lines, and the pump between a hijacked socket and a process."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from fairlead.api import errors
from fairlead.api.exchange import Duplex, Stream
from fairlead.api.services import Stdio
from fairlead.errors import EngineError

log = logging.getLogger(__name__)

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
SYSTEM_ERROR = 3
"""Stream number of a message from the engine itself."""


def content_type(version: tuple[int, int], *, tty: bool) -> str:
    return RAW if tty or version < (1, 42) else MULTIPLEXED


def frame(stream: int, data: bytes) -> bytes:
    """One stdcopy frame: which stream, how many bytes, the bytes."""
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def frames(lines: Sequence[tuple[int, bytes, bytes]]) -> bytes:
    """A frame for each log line, in one go."""
    return b"".join([b"%c\0\0\0%b%b" % (number, len(text).to_bytes(4, "big"), text) for number, _, text in lines])


def line(message: Mapping[str, Any]) -> bytes:
    """One message of a progress stream."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode() + b"\r\n"


def failure(error: BaseException) -> bytes:
    """How a progress stream tells of an error once it has begun."""
    message = errors.text(error)
    return line({"errorDetail": {"message": message}, "error": message})


async def progress(messages: AsyncIterator[Mapping[str, Any]]) -> Stream:
    """A progress stream. It begins with the first message: an error before that has a status of its own."""
    try:
        first = await anext(messages)
    except StopAsyncIteration:
        return Stream(chunks=_lines(None, messages))
    return Stream(chunks=_lines(first, messages))


async def _lines(first: Mapping[str, Any] | None, messages: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield line(first)
        async for message in messages:
            yield line(message)
    except EngineError as error:
        yield failure(error)
    except Exception as error:
        log.exception("progress stream failed")
        yield failure(error)
    finally:
        close = getattr(messages, "aclose", None)
        if close is not None:
            await close()


async def begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, the first of them fetched already: an error before it still gets a status."""
    first = await anext(chunks, b"")
    return _chained(first, chunks)


async def _chained(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        if first:
            yield first
        async for chunk in chunks:
            yield chunk
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()


async def pump(stdio: Stdio, duplex: Duplex, *, stdin: bool) -> None:
    """Copy both ways until the process's output ends; the client may end its input long before.

    Without `stdin` the client's input is not looked at: docker shuts its side down at once when it has none to
    give, which says nothing about the process. Leaving in any way (also by cancellation: the client is gone)
    closes the attachment.
    """
    try:
        async with asyncio.TaskGroup() as group:
            feed = group.create_task(_feed(stdio, duplex), name="stdin") if stdin else None
            while (chunk := await stdio.read()) is not None:
                stream, data = chunk
                await duplex.write(data if stdio.tty else frame(stream, data))
            if feed is not None:
                feed.cancel()
    except* ConnectionError:
        pass  # the client left
    except* EngineError as group_of:
        log.warning("stream broke off: %s", group_of.exceptions)
    finally:
        await stdio.close()


async def _feed(stdio: Stdio, duplex: Duplex) -> None:
    """The client's input to the process. A process that no longer reads does not end its own output."""
    try:
        while data := await duplex.read():
            await stdio.write(data)
        await stdio.write_eof()
    except ConnectionError:
        pass
