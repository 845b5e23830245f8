"""Work in steps, and what waits beside it."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.errors import SystemFailure
from fairlead.steps import Steps, beside, finish


def counting(said: list[str], *, failing: bool = False) -> Steps[int]:
    for number in range(3):
        said.append(f"step {number}")
        yield
    if failing:
        raise SystemFailure("no more steps")
    return 3


async def waiting(said: list[str], *, failing: bool = False) -> str:
    for number in range(3):
        said.append(f"wait {number}")
        await asyncio.sleep(0)
    if failing:
        raise SystemFailure("waited in vain")
    said.append("done")
    return "child"


def test_all_steps_at_once() -> None:
    assert finish(counting([])) == 3


def test_steps_and_what_waits_take_turns() -> None:
    said: list[str] = []
    assert asyncio.run(beside(counting(said), waiting(said))) == (3, "child")
    assert said == ["wait 0", "step 0", "wait 1", "step 1", "wait 2", "step 2", "done"]


@pytest.mark.parametrize(("steps_fail", "other_fails", "told"), [
    (True, False, "no more steps"), (False, True, "waited in vain"), (True, True, "waited in vain"),
])  # fmt: skip
def test_both_come_to_their_end_whichever_fails(steps_fail: bool, other_fails: bool, told: str) -> None:
    said: list[str] = []
    with pytest.raises(SystemFailure, match=told):
        asyncio.run(beside(counting(said, failing=steps_fail), waiting(said, failing=other_fails)))
    assert {"step 2", "wait 2"} <= set(said)
    assert ("done" in said) != other_fails
