"""Look-ups of a peer's name from a container, against the server in its resolv.conf, engines in turn: how many a
second at most, and how long each takes at 1,000 a second. The load is Debian's dnsperf in the container's network."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

import shell
from commands import Results, note
from engines import NET, PREFIX, Engine

NETWORK = f"{PREFIX}-dns"
PEER = f"{PREFIX}-peer"
ASKER = f"{PREFIX}-asker"
STEADY = 1000
RATE = "look-ups of a peer, per second"
SLOWEST = f"look-up at {STEADY} a second, slowest of a hundred (p99), ms"
MEDIAN = f"look-up at {STEADY} a second, median, ms"
LOST = "look-ups lost"


def measure(engines: Sequence[Engine], work: Path, rounds: int, seconds: int, results: Results) -> None:
    questions = work / "questions"
    questions.write_text(f"{PEER} A\n")
    for engine in engines:
        engine.clean()
        engine.run("network", "rm", NETWORK, check=False)
        engine.run("network", "create", NETWORK)
        for name in (PEER, ASKER):
            engine.run("run", "-d", "--network", NETWORK, "--name", name, NET, "sleep", "3600")
    try:
        for turn in range(rounds + 1):
            for engine in engines:
                _one(engine, questions, seconds, results if turn else {})
    finally:
        for engine in engines:
            engine.clean()
            engine.run("network", "rm", NETWORK, check=False)
    for case in (RATE, SLOWEST):
        note(f"{case}: " + ", ".join(f"{who} {statistics.median(v):.2f}" for who, v in results[case].items()))


def _one(engine: Engine, questions: Path, seconds: int, results: Results) -> None:
    flood = _dnsperf(engine, questions, seconds, "-q", "64")
    steady = _dnsperf(engine, questions, seconds, "-Q", str(STEADY), "-v")
    found = re.search(r"Queries per second:\s+([\d.]+)", flood)
    took = sorted(float(text) * 1e3 for text in re.findall(r"^> NOERROR .* ([\d.]+)$", steady, re.MULTILINE))
    if found is None or not took:
        raise shell.Failed(f"{engine.name}: dnsperf said\n{flood[-1000:]}\n{steady[-1000:]}")
    lost = sum(int(n) for text in (flood, steady) for n in re.findall(r"Queries lost:\s+(\d+)", text))
    for case, value in (
        (RATE, float(found[1])), (SLOWEST, took[len(took) * 99 // 100]), (MEDIAN, statistics.median(took)),
        (LOST, float(lost)),
    ):  # fmt: skip
        results.setdefault(case, {}).setdefault(engine.name, []).append(value)


def _dnsperf(engine: Engine, questions: Path, seconds: int, *options: str) -> str:
    pid = engine.run("inspect", "-f", "{{.State.Pid}}", ASKER)
    lines = engine.run("exec", ASKER, "cat", "/etc/resolv.conf").splitlines()
    server = next(line.split()[1] for line in lines if line.startswith("nameserver"))
    asking = ("dnsperf", "-s", server, "-d", str(questions), "-l", str(seconds), "-c", "4", *options)
    return shell.run("nsenter", f"--net=/proc/{pid}/ns/net", *asking, timeout_s=seconds + 30)
