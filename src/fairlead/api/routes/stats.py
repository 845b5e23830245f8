"""/containers/{name}/stats: one reading, or one every second."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fairlead.api.exchange import JSON, Reply, Request, Route, Stream, json_response
from fairlead.api.schema import stats as schema
from fairlead.api.services import Stats
from fairlead.errors import InvalidParameter


class StatsRoutes:
    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    async def stats(self, request: Request) -> Reply:
        name, once = request.params["name"], request.flag("one-shot")
        if request.flag("stream", default=True):
            if once:
                raise InvalidParameter("cannot have stream=true and one-shot=true")
            first = anext(readings := self._stats.stream(name))
            return Stream(chunks=_lines(await first, readings), content_type=JSON)
        return json_response(schema.render(await self._stats.once(name, primed=not once)))


async def _lines(first: schema.Reading, rest: AsyncIterator[schema.Reading]) -> AsyncIterator[bytes]:
    yield _line(first)
    async for reading in rest:
        yield _line(reading)


def _line(reading: schema.Reading) -> bytes:
    return json.dumps(schema.render(reading), separators=(",", ":")).encode() + b"\n"


def routes(stats: Stats) -> list[Route]:
    return [Route("GET", "/containers/{name}/stats", StatsRoutes(stats).stats)]
