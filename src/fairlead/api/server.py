"""The listener: accepts connections, matches routes, turns errors into answers, carries mutations to their end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from typing import Any, Protocol

import fairlead
from fairlead.api import errors, versions
from fairlead.api.channel import Channel
from fairlead.api.connection import Connection
from fairlead.api.exchange import JSON, Reply, Request, Response, Route
from fairlead.api.router import Router, split_version
from fairlead.api.routes import (
    absent,
    build,
    containers,
    events,
    exec,
    files,
    images,
    networks,
    own,
    registries,
    stats,
    streams,
    system,
    volumes,
)
from fairlead.api.services import Engine
from fairlead.errors import EngineError, InvalidParameter, NotModified

log = logging.getLogger(__name__)

_BACKLOG = 1024


class Tasks(Protocol):
    """Where work runs that outlives its request (an asyncio.TaskGroup will do)."""

    def create_task(self, coro: Coroutine[Any, Any, Reply], *, name: str | None = None) -> asyncio.Task[Reply]: ...


class Server:
    """`serve` runs until `close`; several listeners may be served at a time."""

    def __init__(self, engine: Engine, tasks: Tasks) -> None:
        self._tasks = tasks
        self._router = Router(_routes(engine))
        self._closing = asyncio.Event()
        self._standing = (
            ("Server", f"Docker/{system.COMPATIBLE_WITH} Fairlead/{fairlead.__version__} (linux)"),
            ("Api-Version", versions.text(versions.NEWEST)),
            ("Ostype", "linux"),
            ("Docker-Experimental", "false"),
        )

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connections: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:

            def accept(channel: Channel) -> None:
                task = group.create_task(Connection(channel, self._standing, self.answer).run(), name="connection")
                connections.add(task)
                task.add_done_callback(connections.discard)

            listener.setblocking(False)
            create = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
            acceptor = await create(lambda: Channel(accept), sock=listener, backlog=_BACKLOG)
            try:
                await self._closing.wait()
            finally:
                acceptor.close()
                for task in list(connections):
                    task.cancel()

    async def close(self) -> None:
        """Stop accepting and drop every connection. Mutations that have begun go on in their own tasks."""
        self._closing.set()

    async def answer(self, request: Request) -> Reply:
        """The reply to one request; never raises but for cancellation."""
        try:
            request.version, path = split_version(request.head.path)
        except EngineError as error:
            return _refusal(error)
        found = self._router.match(request.head.method, path)
        if found is None:
            return Response(status=404, body=errors.body("page not found"), content_type=JSON)
        route, request.params = found
        if not route.finish:
            return await _handle(route, request)
        work = self._tasks.create_task(_handle(route, request), name=f"{route.method} {route.path}")
        return await asyncio.shield(work)


async def _handle(route: Route, request: Request) -> Reply:
    try:
        return await route.handler(request)
    except EngineError as error:
        log.debug("%s %s: %s", request.head.method, request.head.path, error.message)
        return _refusal(error)
    except ConnectionError:
        return _refusal(InvalidParameter("unexpected EOF"))
    except Exception as error:
        log.exception("%s %s failed", request.head.method, request.head.path)
        return Response(status=500, body=errors.body(errors.text(error)), content_type=JSON)


def _refusal(error: EngineError) -> Response:
    if isinstance(error, NotModified):
        return Response(status=304)
    return Response(status=errors.status(error), body=errors.body(errors.text(error)), content_type=JSON)


def _routes(engine: Engine) -> list[Route]:
    return [
        *system.routes(engine),
        *events.routes(engine.events),
        *containers.routes(engine.containers),
        *streams.routes(engine.containers),
        *exec.routes(engine.execs),
        *registries.routes(engine.registries),
        *stats.routes(engine.stats),
        *files.routes(engine.copier, engine.changes, engine.committer),
        *images.routes(engine.images, engine.containers),
        *build.routes(engine.builder),
        *networks.routes(engine.networks),
        *volumes.routes(engine.volumes),
        *own.routes(engine),
        *absent.routes(),
    ]
