from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead.engine import streaming
from fairlead.errors import NotFound


def test_bar_is_dockers_to_the_letter() -> None:
    message = streaming.progress("Downloading", "abc", 1_048_576, 2_097_152)
    assert message["progress"] == "[=========================>                         ]  1.049MB/2.097MB"
    assert streaming.progress("Extracting", "abc", 5, 5)["progress"] == f"[{'=' * 50}>]       5B/5B"


async def _collect(work: Any) -> list[Any]:
    return [message async for message in streaming.run(work)]


def test_messages_come_before_the_error_that_ended_them() -> None:
    async def work(say: streaming.Say) -> None:
        say({"status": "one"})
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    async def fail() -> None:
        raise NotFound("gone")

    async def run() -> list[Any]:
        messages = streaming.run(work)
        seen = [await anext(messages)]
        with pytest.raises(NotFound, match="gone"):
            await anext(messages)
        return seen

    assert asyncio.run(run()) == [{"status": "one"}]


def test_who_does_not_read_loses_progress_but_no_news() -> None:
    async def work(say: streaming.Say) -> None:
        for number in range(2000):
            say(streaming.progress("Downloading", "abc", number, 2000))
        say(streaming.status("Pull complete", "abc"))

    messages = asyncio.run(_collect(work))
    assert len(messages) < 400
    assert messages[-1]["status"] == "Pull complete"


def test_work_is_ended_when_its_listener_leaves() -> None:
    ended: list[str] = []

    async def work(say: streaming.Say) -> None:
        say({"status": "one"})
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")

    async def run() -> None:
        messages = streaming.run(work)
        await anext(messages)
        await messages.aclose()  # type: ignore[attr-defined]  # a generator

    asyncio.run(run())
    assert ended == ["yes"]
