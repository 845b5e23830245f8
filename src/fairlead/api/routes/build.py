"""/build: the classic builder's stream."""

from __future__ import annotations

from fairlead.api import filters, streams
from fairlead.api.exchange import Reply, Request, Route, json_response
from fairlead.api.schema.build import parse_build
from fairlead.api.services import Builder

_PRUNE_FILTERS = (
    "until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private", "label", "label!",
)  # fmt: skip
"""Docker's. All but `until` are of BuildKit's cache, which is not here; `system prune` sends those of everything."""


class BuildRoutes:
    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    async def build(self, request: Request) -> Reply:
        return await streams.progress(self._builder.build(parse_build(request), request.body()))

    async def prune(self, request: Request) -> Reply:
        wanted = filters.parse(request.text("filters"), _PRUNE_FILTERS)
        keep = request.integer("keep-storage") or request.integer("max-used-space") or 0
        names, freed = await self._builder.prune(wanted, keep_bytes=keep)
        return json_response({"CachesDeleted": names or None, "SpaceReclaimed": freed})


def routes(builder: Builder) -> list[Route]:
    handlers = BuildRoutes(builder)
    return [
        Route("POST", "/build", handlers.build),
        Route("POST", "/build/prune", handlers.prune),
    ]
