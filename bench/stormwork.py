"""Fifty connections at once over a hundred containers: list, inspect, create and remove, half of it cut off in the
middle, and how long those answers took that were awaited. (The load is that of tests/soak/test_storm.py.)"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from commands import PREFIX, Results, note
from engines import PROJECT, SMALL, Engine
from shell import Failed

sys.path.insert(0, str(PROJECT / "tests"))

from testbed.storm import Storm, percentile

CONTAINERS = 100
P99 = "ps of 100 in a storm of requests, p99"
KINDS = ("list", "inspect", "create", "remove")


def measure(engines: Sequence[Engine], requests: int, results: Results) -> None:
    for engine in (engine for engine in engines if engine.links):
        engine.clean()
        for number in range(CONTAINERS):
            name = f"{PREFIX}-storm{number}"
            engine.run("run", "-d", "--network", "none", "--name", name, SMALL, "sleep", "3600")
        standing = dict(
            line.split() for line in engine.run("ps", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
        )
        begin = time.monotonic()
        report = asyncio.run(Storm(Path(f"{engine.root}/s"), SMALL, standing, seed=1).run(requests))
        took = time.monotonic() - begin
        engine.clean()
        if report.wrong:
            raise Failed(f"storm on {engine.name}: {json.dumps(report.wrong[:5])}")
        put = lambda case, value, name=engine.name: results.setdefault(case, {}).setdefault(name, []).append(value)  # noqa: E731
        put("requests per second in a storm", requests / took)
        put(P99, percentile(report.seconds["list"], 0.99) * 1e3)
        for kind in KINDS:
            put(f"{kind} in a storm, p50", percentile(report.seconds[kind], 0.5) * 1e3)
        p99_ms = results[P99][engine.name][-1]
        note(f"{engine.name}: {requests / took:.0f} requests per second, p99 of ps {p99_ms:.0f} ms")
