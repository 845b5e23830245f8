from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fairlead.engine.events import Events, matches
from fairlead.model.event import Event

EVENT = Event(
    type="container", action="exec_start: sh", actor_id="abc", time_ns=1,
    attributes={"name": "web", "image": "box", "tier": "front"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        ({}, True),
        ({"type": ["container"]}, True),
        ({"type": ["network"]}, False),
        ({"event": ["exec_start"]}, True),
        ({"event": ["start"]}, False),
        ({"event": ["start", "exec_start"]}, True),
        ({"container": ["web"]}, True),
        ({"container": ["ab"]}, True),
        ({"container": ["we"]}, True),
        ({"container": ["eb"]}, False),
        ({"label": ["tier=front"]}, True),
        ({"label": ["tier=back"]}, False),
        ({"label": ["tier", "color"]}, False),
        ({"event": ["exec_start: sh"]}, True),
        ({"event": ["exec_st"]}, False),
        ({"image": ["box"]}, True),
        ({"scope": ["swarm"]}, False),
        ({"network": ["web"]}, False),
        ({"image": ["box"], "container": ["other"]}, False),
    ],
)
def test_filters(filters: dict[str, list[str]], match: bool) -> None:
    assert matches(EVENT, filters) is match


def test_a_listener_hears_the_past_it_asks_for_and_what_comes_until_its_end() -> None:
    async def listen() -> list[str]:
        events = Events()
        events.other("volume", "before", "x")
        now = datetime.now(UTC)
        heard = events.subscribe(since=now - timedelta(minutes=1), until=now + timedelta(seconds=0.05), filters={})
        events.other("volume", "after", "x")
        return [event.action async for event in heard]

    assert asyncio.run(listen()) == ["before", "after"]


def test_a_listener_that_never_reads_costs_a_bounded_queue() -> None:
    async def flood() -> int:
        events = Events()
        heard = events.subscribe(since=None, until=datetime.now(UTC), filters={})
        for number in range(10_000):
            events.other("volume", str(number), "x")
        return len([event async for event in heard])

    assert asyncio.run(flood()) <= 4096
