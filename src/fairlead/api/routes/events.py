"""/events: an endless stream of JSON objects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fairlead.api import filters
from fairlead.api.exchange import Reply, Request, Route, Stream
from fairlead.api.schema import event as schema
from fairlead.api.schema import times
from fairlead.api.services import Events
from fairlead.errors import InvalidParameter
from fairlead.model.event import Event

_FILTERS = (
    "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
    "service", "type", "volume",
)  # fmt: skip


class EventRoutes:
    def __init__(self, events: Events) -> None:
        self._events = events

    async def subscribe(self, request: Request) -> Reply:
        began = request.text("since")
        since = times.EPOCH if began == "0" else times.parse(began)  # all that is remembered; without, nothing past
        until = times.parse(request.text("until"))
        if since is not None and until is not None and since > until:
            raise InvalidParameter(
                f"`since` time ({began}) cannot be after `until` time ({request.text('until')})"
            )
        wanted = filters.parse(request.text("filters"), _FILTERS)
        subscription = self._events.subscribe(since=since, until=until, filters=wanted)
        return Stream(chunks=_lines(subscription))


async def _lines(subscription: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    async for event in subscription:
        yield json.dumps(schema.render(event), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def routes(events: Events) -> list[Route]:
    return [Route("GET", "/events", EventRoutes(events).subscribe)]
