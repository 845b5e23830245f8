"""/_ping, /version, /info, /system/df, and what is still to come."""

from __future__ import annotations

from datetime import UTC, datetime

from fairlead.api.exchange import Reply, Request, Response, Route, json_response
from fairlead.api.schema import system as schema
from fairlead.api.schema import usage
from fairlead.api.services import Engine, System
from fairlead.errors import Unimplemented

COMPATIBLE_WITH = "28.2.2"
"""The Docker release whose behaviour we follow; clients read it from /version and the Server header."""

_PING_HEADERS = (
    ("Builder-Version", "1"),
    ("Swarm", "inactive"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
)


class SystemRoutes:
    def __init__(self, system: System) -> None:
        self._system = system

    async def ping(self, request: Request) -> Reply:
        body = b"" if request.head.method == "HEAD" else b"OK"
        return Response(body=body, content_type="text/plain; charset=utf-8", headers=_PING_HEADERS)

    async def version(self, request: Request) -> Reply:
        return json_response(schema.version(await self._system.programs(), COMPATIBLE_WITH))

    async def info(self, request: Request) -> Reply:
        facts = await self._system.facts()
        return json_response(schema.info(facts, COMPATIBLE_WITH, request.version))

    async def df(self, request: Request) -> Reply:
        found = await self._system.df(usage.parse_kinds(request.texts("type")))
        return json_response(usage.render(found, request.version, datetime.now(UTC)))

    async def missing(self, request: Request) -> Reply:
        raise Unimplemented(f"{request.head.method} {request.head.path} is not supported by this engine")


def routes(engine: Engine) -> list[Route]:
    handlers = SystemRoutes(engine.system)
    missing = [
        Route("POST", "/session", handlers.missing),
        Route("POST", "/grpc", handlers.missing),
    ]
    return [
        Route("GET", "/_ping", handlers.ping),
        Route("HEAD", "/_ping", handlers.ping),
        Route("GET", "/version", handlers.version),
        Route("GET", "/info", handlers.info),
        Route("GET", "/system/df", handlers.df),
        *missing,
    ]
