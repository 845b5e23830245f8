from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fairlead.engine import state
from fairlead.errors import SystemFailure
from fairlead.model.container import State, Status

AT = datetime(2024, 1, 1, tzinfo=UTC)


def running() -> State:
    return state.started(State(), pid=7, monitor_pid=6, monitor_start_ticks=5, at=AT)


def ended(before: State, *, code: int = 0, restarting: bool = False) -> State:
    return state.ended(before, exit_code=code, oom_killed=False, at=AT, restarting=restarting)


def test_a_life() -> None:
    assert running().status is Status.RUNNING
    assert ended(running(), code=3) == State(
        status=Status.EXITED, exit_code=3, started_at=AT, finished_at=AT
    )


def test_a_start_forgets_the_last_end() -> None:
    again = state.started(
        ended(state.stopping(running()), code=3), pid=9, monitor_pid=8, monitor_start_ticks=5, at=AT
    )
    assert (again.exit_code, again.finished_at, again.stopped_by_user) == (0, None, False)


def test_a_restart_by_policy_counts() -> None:
    between = ended(running(), code=1, restarting=True)
    assert (between.status, between.restart_count, between.pid) == (Status.RESTARTING, 1, 0)
    assert between.status.running, "Docker calls a restarting container running"
    assert state.gave_up(between).status is Status.EXITED


def test_a_failed_start_leaves_a_created_container_created() -> None:
    failed = state.start_failed(State(), exit_code=128, error="no")
    assert (failed.status, failed.exit_code, failed.error) == (Status.CREATED, 128, "no")


def test_a_failed_restart_gives_up() -> None:
    between = ended(running(), restarting=True)
    assert state.start_failed(between, exit_code=128, error="no").status is Status.EXITED


def test_a_paused_container_may_end() -> None:
    assert ended(state.paused(running())).status is Status.EXITED


@pytest.mark.parametrize(
    ("way", "before"),
    [
        (state.paused, State()),
        (state.resumed, State(status=Status.EXITED)),
        (state.removing, State(status=Status.RUNNING)),
        (ended, State(status=Status.REMOVING)),
    ],
)
def test_ways_that_are_not_there(way: Callable[[State], State], before: State) -> None:
    with pytest.raises(SystemFailure):
        way(before)
