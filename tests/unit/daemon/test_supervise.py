from __future__ import annotations

import asyncio

import pytest

from fairlead.daemon.supervise import Supervisor


def test_one_task_that_fails_is_logged_and_takes_nobody_along(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    async def check() -> str:
        supervisor = Supervisor()
        supervisor.create_task(fail(), name="bad")
        other = supervisor.create_task(asyncio.sleep(0.01, "done"), name="good")
        return str(await other)

    assert asyncio.run(check()) == "done"
    assert "task bad failed" in caplog.text


def test_finish_lets_short_work_end_and_cancels_what_lasts() -> None:
    async def check() -> tuple[bool, bool]:
        supervisor = Supervisor()
        short = supervisor.create_task(asyncio.sleep(0.01), name="short")
        long = supervisor.create_task(asyncio.sleep(60), name="long")
        await supervisor.finish(0.05)
        return short.cancelled(), long.cancelled()

    assert asyncio.run(check()) == (False, True)
