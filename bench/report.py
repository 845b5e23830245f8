"""The goals, the table, and the file of results."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lookups
import movework
import pulls
import stormwork
import streamwork
from commands import Results

OURS = "fairlead"


def median(results: Results, case: str, who: str) -> float | None:
    values = results.get(case, {}).get(who)
    return statistics.median(values) if values else None


@dataclass(frozen=True)
class Goal:
    """`measured` and `against` are (case, engine); the ratio of their medians keeps within `limit` in the direction
    of `at_most`. Without `against` the limit is absolute."""

    text: str
    measured: tuple[str, str]
    against: tuple[str, str] | None
    limit: float
    at_most: bool = True

    def judge(self, results: Results) -> dict[str, Any]:
        ours = median(results, *self.measured)
        theirs = median(results, *self.against) if self.against else 1.0
        value = None if ours is None or not theirs else ours / theirs
        met = None if value is None else (value <= self.limit if self.at_most else value >= self.limit)
        return {
            "goal": self.text,
            "ours": ours,
            "theirs": theirs if self.against else None,
            "value": value,
            "limit": self.limit,
            "at_most": self.at_most,
            "met": met,
        }


def _peer(text: str, case: str, peer: str, limit: float, *, at_most: bool = True) -> Goal:
    return Goal(text, (case, OURS), (case, peer), limit, at_most)


def goals(growth: int) -> list[Goal]:
    return [
        _peer("run --rm true / dockerd", "run --rm true", "dockerd", 0.25),
        _peer("run --rm true / podman", "run --rm true", "podman", 0.4),
        Goal("run --rm -p true / plain", ("run --rm -p true", OURS), ("run --rm true", OURS), 1.1),
        Goal("run --rm --link true / plain", ("run --rm --link true", OURS), ("run --rm true", OURS), 1.1),
        _peer("run -d / dockerd", "run -d", "dockerd", 0.3),
        _peer("start / dockerd", "start", "dockerd", 0.3),
        _peer("stop -t 0 / dockerd", "stop -t 0", "dockerd", 0.3),
        _peer("rm -f of a running one / dockerd", "rm -f (running)", "dockerd", 0.3),
        _peer("100 starts 8 at a time, rate / dockerd", "starts per second, 8 at a time", "dockerd", 5, at_most=False),
        _peer("ps at 100 / dockerd", "ps at 100", "dockerd", 1.0),
        _peer(f"ps at {growth} / dockerd", f"ps at {growth}", "dockerd", 1.0),
        _peer("first HTTP reply on 127.0.0.1 / dockerd", "first HTTP reply", "dockerd", 0.15),
        _peer(
            "req/s on 127.0.0.1, 16 connections / dockerd", "req/s, 16 connections via 127.0.0.1 published", "dockerd",
            2, at_most=False,
        ),
        _peer(
            "req/s on 127.0.0.1, 16 connections / bare nft map", "req/s, 16 connections via 127.0.0.1 published",
            "bare", 0.9, at_most=False,
        ),
        _peer("Gbit/s over a link / bare veth, bridge, conntrack", "Gbit/s via link", "bare", 0.95, at_most=False),
        _peer(
            "req/s over a link, 16 connections / bare veth, bridge, conntrack", "req/s, 16 connections via link",
            "bare", 0.95, at_most=False,
        ),
        _peer(f"{stormwork.P99} / dockerd", stormwork.P99, "dockerd", 1.0),
        *(
            _peer(f"{name} / dockerd", streamwork.case(name), "dockerd", 0.5, at_most=False)
            for name in streamwork.CASES
        ),
        Goal(streamwork.MEMORY, (streamwork.MEMORY, OURS), None, 16),
        _peer("look-ups of a peer, per second / dockerd", lookups.RATE, "dockerd", 0.7, at_most=False),
        Goal("look-up at 1,000 a second, p99, ms", (lookups.SLOWEST, OURS), None, 5),
        Goal("look-ups lost", (lookups.LOST, OURS), None, 0),
        _peer("load of 15,000 files / dockerd", "load", "dockerd", 1.0),
        _peer("build, 20 steps from the cache / dockerd", "build, 20 steps from the cache", "dockerd", 0.5),
        _peer("pull of 15,000 files / dockerd", pulls.PULL, "dockerd", 1.0),
        _peer("second pull / dockerd", pulls.AGAIN, "dockerd", 0.5),
        _peer("second pull, both by docker's client / dockerd", pulls.BY_DOCKER, "dockerd", 1.0),
        _peer("second pull, without a client's start / dockerd", pulls.ASKED, "dockerd", 0.5),
        _peer("push of 15,000 files / dockerd", pulls.PUSH, "dockerd", 1.0),
        *(_peer(f"{name} / dockerd", name, "dockerd", 1.0) for name in movework.CASES),
        _peer("rmi of 15,000 files / dockerd", pulls.REMOVE, "dockerd", 0.5),
        Goal("peak memory of the daemon, MB", ("peak memory of the daemon after load, MB", OURS), None, 100),
        Goal("_ping during load, ms", ("_ping during load, slowest of a hundred (p99)", OURS), None, 20),
        Goal("PSS of all of it with 100 containers, MB", ("memory at 100", OURS), None, 110),
        Goal(f"run -d at {growth} / at the first", ("run -d, last ten", OURS), ("run -d, first ten", OURS), 1.15),
    ]  # fmt: skip


def measurements(results: Results) -> str:
    """Every case, the median of each engine side by side."""
    names: list[str] = []
    for per_engine in results.values():
        names += [name for name in per_engine if name not in names]
    lines = [f"{'median':<52}" + "".join(f"{name:>17}" for name in names)]
    for case, per_engine in results.items():
        cells = [f"{statistics.median(per_engine[name]):.1f}" if per_engine.get(name) else "" for name in names]
        lines.append(f"{case:<52}" + "".join(f"{cell:>17}" for cell in cells))
    return "\n".join(lines)


def verdicts(judged: list[dict[str, Any]]) -> str:
    shown: Callable[[float | None], str] = lambda value: "-" if value is None else f"{value:.2f}"  # noqa: E731
    lines = [f"{'goal':<68}{'ours':>11}{'against':>11}{'value':>9}{'limit':>9}"]
    for row in judged:
        limit = f"{'≤' if row['at_most'] else '≥'} {row['limit']:g}"
        word = "not measured" if row["met"] is None else "PASS" if row["met"] else "FAIL"
        numbers = f"{shown(row['ours']):>11}{shown(row['theirs']):>11}{shown(row['value']):>9}{limit:>9}"
        lines.append(f"{row['goal']:<68}{numbers}  {word}")
    return "\n".join(lines)


def write(path: Path, results: Results, judged: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {case: {who: [round(v, 3) for v in vs] for who, vs in per.items()} for case, per in results.items()}
    document = {
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"kernel": platform.release(), "cpus": facts.pop("cpus", None), "python": platform.python_version()},
        **facts,
        "goals": judged,
        "medians": {
            case: {who: round(statistics.median(vs), 3) for who, vs in per.items()} for case, per in results.items()
        },
        "samples": rounded,
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
