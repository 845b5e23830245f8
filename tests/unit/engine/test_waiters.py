from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fairlead.engine.waiters import Waiters
from fairlead.model.container import Config, Container, HostConfig, State, Status
from fairlead.model.request import ExitResult, WaitCondition


def container(status: Status, code: int = 0) -> Container:
    return Container(
        id="c" * 64, name="web", created=datetime.now(UTC), config=Config(), host_config=HostConfig(),
        state=State(status=status, exit_code=code),
    )  # fmt: skip


def run(check: Callable[[Waiters], Awaitable[None]]) -> None:
    async def inside() -> None:
        await check(Waiters())

    asyncio.run(inside())


def test_not_running_is_answered_at_once_where_it_is_so() -> None:
    async def check(waiters: Waiters) -> None:
        assert await waiters.wait(container(Status.EXITED, 7), WaitCondition.NOT_RUNNING) == ExitResult(7)

    run(check)


def test_next_exit_waits_also_on_a_created_container() -> None:
    async def check(waiters: Waiters) -> None:
        waiting = waiters.wait(container(Status.CREATED), WaitCondition.NEXT_EXIT)
        await asyncio.sleep(0)
        assert not waiting.done()
        waiters.ended("c" * 64, ExitResult(3))
        assert await waiting == ExitResult(3)

    run(check)


def test_removal_wakes_everybody_and_an_exit_only_those_who_wait_for_it() -> None:
    async def check(waiters: Waiters) -> None:
        created = container(Status.CREATED)
        removed = waiters.wait(created, WaitCondition.REMOVED)
        waiters.ended("c" * 64, ExitResult(3))
        await asyncio.sleep(0)
        assert not removed.done()
        exit_ = waiters.wait(created, WaitCondition.NEXT_EXIT)
        waiters.removed("c" * 64, ExitResult(4))
        assert await removed == await exit_ == ExitResult(4)

    run(check)


def test_a_waiter_that_went_away_is_forgotten() -> None:
    async def check(waiters: Waiters) -> None:
        waiters.wait(container(Status.RUNNING), WaitCondition.NEXT_EXIT).cancel()
        await asyncio.sleep(0)
        waiters.ended("c" * 64, ExitResult(0))

    run(check)
