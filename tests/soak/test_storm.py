"""Ten thousand requests from fifty connections, half of them cut off in the middle: none is served wrong, and the
daemon is afterwards what it was: in descriptors, in tasks, in memory."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from testbed.engine import Engine, until
from testbed.storm import Storm, percentile

pytestmark = [pytest.mark.root, pytest.mark.soak]
CONTAINERS = 100
REQUESTS = 10_000
WARM_UP = 6_000
"""In which the heap finds its size. (Measured from 2,000 on, the daemon grows by 7 MB; from 6,000 on by 3.)"""
GROWTH_KB = 4_096


def _fds(engine: Engine) -> int:
    return sum(1 for _ in Path(f"/proc/{engine.pid}/fd").iterdir())


def _tasks(engine: Engine) -> int:
    return int(engine.json("GET", "/info")["NGoroutines"])


def _memory_kb(engine: Engine) -> int:
    lines = Path(f"/proc/{engine.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Swap:")))


def test_ten_thousand_requests_leave_the_daemon_as_it_was(
    shared_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    standing = {}
    for number in range(CONTAINERS):
        body = {"Image": "box", "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": "none"}}
        made = shared_engine.json("POST", f"/containers/create?name=standing-{number}", body)
        standing[f"standing-{number}"] = made["Id"]
        shared_engine.json("POST", f"/containers/{made['Id']}/start")
    storm = Storm(shared_engine.socket, "box", standing, seed=20261125)
    warm = asyncio.run(storm.run(WARM_UP))
    assert warm.wrong == []
    fds, tasks, memory = _fds(shared_engine), _tasks(shared_engine), _memory_kb(shared_engine)
    report = asyncio.run(storm.run(REQUESTS))
    assert report.wrong == []
    assert report.sent >= REQUESTS
    assert 0.4 < report.cut / report.sent < 0.6
    until(lambda: _fds(shared_engine) <= fds, what="no more descriptors than before")
    until(lambda: _tasks(shared_engine) <= tasks, what="no more tasks than before")
    # After a burst the heap's holes are given back within half a minute.
    deadline = time.monotonic() + 40
    while (grown := _memory_kb(shared_engine) - memory) >= GROWTH_KB and time.monotonic() < deadline:
        time.sleep(1)
    with capsys.disabled():
        for kind, seconds in report.seconds.items():
            p50, p99 = (percentile(seconds, share) * 1e3 for share in (0.5, 0.99))
            print(f"\n{kind}: {len(seconds)} whole, p50 {p50:.1f} ms, p99 {p99:.1f} ms", end="")
        print(f"\nmemory: {memory} kB and {grown:+} kB; descriptors {fds}, tasks {tasks}")
    assert grown < GROWTH_KB
    assert {entry["Id"] for entry in shared_engine.json("GET", "/containers/json")} == set(standing.values())
