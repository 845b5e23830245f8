"""The states of a container and the ways between them. Pure: every function takes a state and returns the next.

The table is the whole truth: a way that is not in it is a mistake of ours, not of a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fairlead.errors import SystemFailure
from fairlead.model.container import State, Status

_S = Status
_WAYS: Mapping[Status, frozenset[Status]] = {
    _S.CREATED: frozenset({_S.CREATED, _S.RUNNING, _S.EXITED, _S.REMOVING}),
    _S.RUNNING: frozenset({_S.PAUSED, _S.RESTARTING, _S.EXITED, _S.RUNNING}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.RESTARTING, _S.EXITED}),
    _S.RESTARTING: frozenset({_S.RUNNING, _S.EXITED, _S.RESTARTING, _S.REMOVING}),
    _S.EXITED: frozenset({_S.RUNNING, _S.EXITED, _S.RESTARTING, _S.REMOVING}),
    _S.REMOVING: frozenset({_S.DEAD, _S.REMOVING}),
    _S.DEAD: frozenset({_S.REMOVING}),
}


def _to(state: State, status: Status) -> State:
    if status not in _WAYS[state.status]:
        raise SystemFailure(f"container cannot go from {state.status} to {status}")
    return replace(state, status=status)


def started(state: State, *, pid: int, monitor_pid: int, monitor_start_ticks: int, at: datetime) -> State:
    return replace(
        _to(state, Status.RUNNING),
        pid=pid,
        monitor_pid=monitor_pid,
        monitor_start_ticks=monitor_start_ticks,
        exit_code=0,
        error="",
        oom_killed=False,
        started_at=at,
        finished_at=None,
        stopped_by_user=False,
    )


def start_failed(state: State, *, exit_code: int, error: str) -> State:
    """The status stays what it was (a restarting one gives up): Docker shows `created` and the error."""
    back = Status.EXITED if state.status is Status.RESTARTING else state.status
    return replace(_to(state, back), pid=0, exit_code=exit_code, error=error)


def ended(state: State, *, exit_code: int, oom_killed: bool, at: datetime, restarting: bool) -> State:
    return replace(
        _to(state, Status.RESTARTING if restarting else Status.EXITED),
        pid=0,
        monitor_pid=0,
        monitor_start_ticks=0,
        exit_code=exit_code,
        oom_killed=oom_killed,
        finished_at=at,
        restart_count=state.restart_count + 1 if restarting else state.restart_count,
    )


def gave_up(state: State) -> State:
    """A restarting container that is not to be restarted after all."""
    return _to(state, Status.EXITED)


def paused(state: State) -> State:
    return _to(state, Status.PAUSED)


def resumed(state: State) -> State:
    if state.status is not Status.PAUSED:
        raise SystemFailure(f"container cannot be resumed from {state.status}")
    return _to(state, Status.RUNNING)


def stopping(state: State) -> State:
    """The user has asked for the end: the restart policy stays quiet."""
    return replace(state, stopped_by_user=True)


def removing(state: State) -> State:
    return _to(state, Status.REMOVING)
