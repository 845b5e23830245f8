from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fairlead.api.prompt import Prompt


def test_what_is_ready_is_taken_without_a_word_and_waiting_is_told_once() -> None:
    async def rows() -> AsyncIterator[int]:
        yield 1
        yield 2
        for _ in range(3):
            await asyncio.sleep(0)
        yield 3

    async def run() -> list[object]:
        seen: list[object] = []
        source = rows()
        while (row := await Prompt(anext(source, None), lambda: seen.append("waits"))) is not None:
            seen.append(row)
        return seen

    assert asyncio.run(run()) == [1, 2, "waits", 3]


def test_cancellation_reaches_what_is_awaited_and_it_may_still_clean_up() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned")

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(outer())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def outer() -> None:
        await Prompt(work(), lambda: seen.append("waits"))

    asyncio.run(run())
    assert seen == ["waits", "cleaned"]


def test_error_of_the_work_comes_out() -> None:
    async def work() -> None:
        raise KeyError("x")

    async def run() -> None:
        await Prompt(work(), lambda: None)

    with pytest.raises(KeyError):
        asyncio.run(run())
