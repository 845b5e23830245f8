"""/containers: the answers that last — wait, attach, logs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

from fairlead.api import errors, streams
from fairlead.api.exchange import Duplex, Hijack, Reply, Request, Response, Route, Stream
from fairlead.api.schema import container as schema
from fairlead.api.schema import times
from fairlead.api.services import Containers
from fairlead.engine import logoptions
from fairlead.errors import EngineError, InvalidParameter
from fairlead.model.request import AttachRequest, ExitResult, LogBatch, LogRequest, WaitCondition

_STREAMS_CHOSEN_SINCE = (1, 42)
"""Of a websocket; before, it carries all three."""


class StreamRoutes:
    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    async def wait(self, request: Request) -> Reply:
        """The waiter is registered before the head goes out: `docker run` starts the container on seeing it."""
        text = request.text("condition")
        try:
            condition = WaitCondition(text) if text else WaitCondition.NOT_RUNNING
        except ValueError:
            raise InvalidParameter(f'invalid condition: "{text}"') from None
        return Stream(chunks=_exit(self._containers.wait(request.params["name"], condition)))

    async def attach(self, request: Request) -> Reply:
        wanted = _attachment(request)
        try:
            stdio = await self._containers.attach(request.params["name"], wanted)
        except EngineError as error:
            # No JSON here, also in Docker: the client reads the text off the connection it meant to hijack.
            text = errors.text(error).encode() + b"\r\n"
            return Response(status=errors.status(error), body=text, content_type=streams.RAW, close=True)

        async def pump(duplex: Duplex) -> None:
            await streams.pump(stdio, duplex, stdin=wanted.stdin)

        return Hijack(pump=pump, content_type=streams.content_type(request.version, tty=stdio.tty))

    async def attach_websocket(self, request: Request) -> Reply:
        from fairlead.api import websocket

        answer, state = websocket.accept(request.head.headers)
        wanted = _attachment(request)
        if request.version < _STREAMS_CHOSEN_SINCE:
            wanted = replace(wanted, stdin=True, stdout=True, stderr=True)
        stdio = await self._containers.attach(request.params["name"], wanted)
        binary = request.version >= websocket.BINARY_SINCE

        async def pump(duplex: Duplex) -> None:
            await websocket.pump(stdio, duplex, state, binary=binary)

        return Hijack(pump=pump, head=answer)

    async def logs(self, request: Request) -> Reply:
        wanted = LogRequest(
            stdout=request.flag("stdout"),
            stderr=request.flag("stderr"),
            follow=request.flag("follow"),
            since=times.parse(request.text("since")),
            until=times.parse(request.text("until")),
            tail=_tail(request.text("tail")),
        )
        if not (wanted.stdout or wanted.stderr):
            raise InvalidParameter("Bad parameters: you must choose at least one stream")
        name = request.params["name"]
        tty = await self._containers.tty(name)
        details = None
        if request.flag("details"):
            details = logoptions.details((await self._containers.inspect(name)).container).encode() + b" "
        chunks = _log_lines(
            self._containers.logs(name, wanted), tty=tty, timestamps=request.flag("timestamps"), details=details
        )
        return Stream(chunks=chunks, content_type=streams.content_type(request.version, tty=tty))


def _attachment(request: Request) -> AttachRequest:
    return AttachRequest(
        stdin=request.flag("stdin"),
        stdout=request.flag("stdout"),
        stderr=request.flag("stderr"),
        stream=request.flag("stream"),
        logs=request.flag("logs"),
        detach_keys=request.text("detachKeys") or None,
    )


async def _exit(result: Awaitable[ExitResult]) -> AsyncIterator[bytes]:
    try:
        value = schema.render_exit(await result)
    except EngineError as error:
        value = {"StatusCode": -1, "Error": {"Message": errors.text(error)}}
    yield json.dumps(value, separators=(",", ":")).encode() + b"\n"


async def _log_lines(
    batches: AsyncIterator[LogBatch], *, tty: bool, timestamps: bool, details: bytes | None
) -> AsyncIterator[bytes]:
    try:
        async for batch in batches:
            if details is not None:
                batch = [(number, time, details + text) for number, time, text in batch]
            if timestamps:
                batch = [(number, time, b"%sZ %s" % (time, text)) for number, time, text in batch]
            yield b"".join([text for _, _, text in batch]) if tty else streams.frames(batch)
    except EngineError as error:
        message = f"Error grabbing logs: {errors.text(error)}\n".encode()
        yield message if tty else streams.frame(streams.SYSTEM_ERROR, message)


def _tail(text: str) -> int | None:
    """`all` and anything that is not a number mean all, as in Docker."""
    return int(text) if text.isascii() and text.isdigit() else None


def routes(containers: Containers) -> list[Route]:
    handlers = StreamRoutes(containers)
    return [
        Route("POST", "/containers/{name}/wait", handlers.wait),
        Route("POST", "/containers/{name}/attach", handlers.attach),
        Route("GET", "/containers/{name}/attach/ws", handlers.attach_websocket),
        Route("GET", "/containers/{name}/logs", handlers.logs),
    ]
