"""The event bus behind /events: the recent past, and whoever listens. Bounded both ways: a listener that does not
read loses its oldest events, never the daemon's memory."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from fairlead.engine import pruning
from fairlead.model.container import Container
from fairlead.model.event import Event

_REMEMBERED = 1024
_QUEUE = 4096


class Events:
    def __init__(self) -> None:
        self._past: deque[Event] = deque(maxlen=_REMEMBERED)
        self._listeners: set[_Listener] = set()

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def emit(self, event: Event) -> None:
        self._past.append(event)
        for listener in self._listeners:
            listener.put(event)

    def container(self, container: Container, action: str, **attributes: str) -> None:
        """An event about a container, with the attributes that Docker gives all of them."""
        labels = {name: str(value) for name, value in container.config.labels.items()}
        values = {**labels, "image": container.image, "name": container.name, **attributes}
        self.emit(Event(type="container", action=action, actor_id=container.id, attributes=values, time_ns=_now()))

    def other(self, kind: str, action: str, actor_id: str, **attributes: str) -> None:
        """An event about a network, a volume, an image or the daemon."""
        self.emit(Event(type=kind, action=action, actor_id=actor_id, attributes=attributes, time_ns=_now()))

    def subscribe(
        self, *, since: datetime | None, until: datetime | None, filters: Mapping[str, Sequence[str]]
    ) -> AsyncIterator[Event]:
        """Past events from `since` on, then those to come up to `until`. Listens from this call on."""
        past = [event for event in self._past if since is not None and event.time_ns >= _nanoseconds(since)]
        listener = _Listener()
        self._listeners.add(listener)
        return self._stream(listener, past, until, filters)

    async def _stream(
        self, listener: _Listener, past: Sequence[Event], until: datetime | None, filters: Mapping[str, Sequence[str]]
    ) -> AsyncIterator[Event]:
        end = None if until is None else _nanoseconds(until)
        try:
            for event in past:
                if (end is None or event.time_ns <= end) and matches(event, filters):
                    yield event
            while (event_or_end := await listener.get(until)) is not None:
                if matches(event_or_end, filters):
                    yield event_or_end
        finally:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self) -> None:
        self._queue: deque[Event] = deque(maxlen=_QUEUE)
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        self._queue.append(event)
        self._filled.set()

    async def get(self, until: datetime | None) -> Event | None:
        """The next event; None once `until` has come."""
        while not self._queue:
            self._filled.clear()
            left = None if until is None else (until - datetime.now(UTC)).total_seconds()
            if left is not None and left <= 0:
                return None
            try:
                async with asyncio.timeout(left):
                    await self._filled.wait()
            except TimeoutError:
                return None
        return self._queue.popleft()


_PREFIXES = {"exec_create", "exec_start", "health_status"}
"""Actions with a tail (`exec_start: sh`): a filter for one of these compares beginnings."""


def matches(event: Event, filters: Mapping[str, Sequence[str]]) -> bool:
    """One value of each kind, but every label."""
    if not all(pruning.has_label(event.attributes, text) for text in filters.get("label", ())):
        return False
    wanted = filters.get("event", ())
    if wanted and not _is_action(event.action, wanted):
        return False
    return all(
        any(_matches_one(event, name, value) for value in values)
        for name, values in filters.items()
        if values and name not in ("label", "event")
    )


def _is_action(action: str, wanted: Sequence[str]) -> bool:
    return action in wanted or (bool(_PREFIXES & set(wanted)) and action.startswith(tuple(wanted)))


def _matches_one(event: Event, name: str, value: str) -> bool:
    match name:
        case "type":
            return event.type == value
        case "scope":
            return value == "local"
        case "image":
            image = event.attributes.get("name" if event.type == "image" else "image", "")
            return value in (event.actor_id, image, *(_without_tag(text) for text in (event.actor_id, image)))
    return event.type == name and (
        event.actor_id.startswith(value) or event.attributes.get("name", "").startswith(value)
    )


def _without_tag(image: str) -> str:
    """`box:latest` → `box`; a port of a registry is no tag."""
    name, colon, tag = image.rpartition(":")
    return name if colon and "/" not in tag else image


def _now() -> int:
    return time.time_ns()


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
