"""/volumes."""

from __future__ import annotations

from fairlead.api import filters
from fairlead.api.exchange import NO_CONTENT, Reply, Request, Route, json_response
from fairlead.api.schema import volume as schema
from fairlead.api.services import Volumes

_LIST_FILTERS = ("dangling", "driver", "label", "name")


class VolumeRoutes:
    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    async def list(self, request: Request) -> Reply:
        found = await self._volumes.list(filters.parse(request.text("filters"), _LIST_FILTERS))
        return json_response({"Volumes": [schema.render(volume) for volume in found], "Warnings": None})

    async def create(self, request: Request) -> Reply:
        wanted = schema.parse_create(await request.json())
        return json_response(schema.render(await self._volumes.create(wanted)), 201)

    async def inspect(self, request: Request) -> Reply:
        return json_response(schema.render(await self._volumes.inspect(request.params["name"])))

    async def remove(self, request: Request) -> Reply:
        await self._volumes.remove(request.params["name"], force=request.flag("force"))
        return NO_CONTENT

    async def prune(self, request: Request) -> Reply:
        wanted = filters.parse(request.text("filters"), ("all", "label", "label!"))
        removed, freed = await self._volumes.prune(wanted)
        return json_response({"VolumesDeleted": list(removed) or None, "SpaceReclaimed": freed})


def routes(volumes: Volumes) -> list[Route]:
    handlers = VolumeRoutes(volumes)
    return [
        Route("GET", "/volumes", handlers.list),
        Route("POST", "/volumes/create", handlers.create, finish=True),
        Route("POST", "/volumes/prune", handlers.prune, finish=True),
        Route("GET", "/volumes/{name}", handlers.inspect),
        Route("DELETE", "/volumes/{name}", handlers.remove, finish=True),
    ]
