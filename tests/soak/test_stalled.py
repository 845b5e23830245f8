"""A client that stops taking a container's output does not hold up those who do, for longer than it takes to notice."""

from __future__ import annotations

import pytest

from testbed.engine import Engine
from testbed.wire import Wire

pytestmark = [pytest.mark.root, pytest.mark.soak]
BYTES = 8_000_000


def begun(engine: Engine, stalled: Wire) -> str:
    """A container that writes on, with one client attached that takes nothing."""
    script = f"yes 0123456789abcde | head -c {BYTES}; echo full"
    body = {"Image": "box", "Cmd": ["sh", "-c", script], "HostConfig": {"NetworkMode": "none"}}
    container = str(engine.json("POST", "/containers/create", body)["Id"])
    stalled.hijack(f"/containers/{container}/attach?stream=1&stdout=1")
    return container


def dropped(stalled: Wire) -> bool:
    """Takes what is left: whether it ends with the engine's own word (stream 3) rather than with all of the output."""
    frames = list(stalled.frames())
    return frames[-1][0] == 3 and sum(len(data) for _, data in frames) < BYTES


def test_a_stalled_client_does_not_hold_up_another_that_is_attached(shared_engine: Engine) -> None:
    with Wire(shared_engine) as stalled, Wire(shared_engine, timeout_s=40) as reads:
        container = begun(shared_engine, stalled)
        reads.hijack(f"/containers/{container}/attach?stream=1&stdout=1")
        shared_engine.json("POST", f"/containers/{container}/start")
        assert sum(len(data) for _, data in reads.frames()) == BYTES + 5
        assert dropped(stalled)


def test_a_stalled_client_does_not_hold_up_one_that_follows_the_log(shared_engine: Engine) -> None:
    with Wire(shared_engine) as stalled, Wire(shared_engine, timeout_s=40) as reads:
        container = begun(shared_engine, stalled)
        shared_engine.json("POST", f"/containers/{container}/start")
        reads.ask("GET", f"/containers/{container}/logs?follow=1&stdout=1")
        assert reads.skip(b"full\n") > BYTES
        assert dropped(stalled)
