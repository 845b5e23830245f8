"""How long commands take, engines in turn (A B A B), so that drift of the machine hits all alike."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engines import NET, PREFIX, SMALL, Engine

Results = dict[str, dict[str, list[float]]]
PARALLEL = 8
PROBE = Path(__file__).with_name("probe.py")


def note(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def run_rm(engines: Sequence[Engine], rounds: int, results: Results) -> None:
    """`run --rm IMAGE true`: plain, with a port, with a link."""
    for engine in engines:
        engine.clean()
        engine.run("run", "-d", "--name", f"{PREFIX}-target", "--expose", "80", SMALL, "sleep", "3600")
    cases: dict[str, tuple[str, ...]] = {
        "run --rm true": (),
        "run --rm -p true": ("-p", "18080:80"),
        "run --rm --link true": ("--link", f"{PREFIX}-target:db"),
    }
    for turn in range(rounds + 1):
        for case, flags in cases.items():
            for engine in engines:
                if "--link" in flags and not engine.links:
                    continue
                took = engine.time_ms("run", "--rm", *flags, SMALL, "true")
                if turn:
                    results.setdefault(case, {}).setdefault(engine.name, []).append(took)
    for engine in engines:
        engine.clean()


def life(engines: Sequence[Engine], rounds: int, results: Results) -> None:
    """One container's life, verb by verb."""
    for turn in range(rounds + 1):
        for engine in engines:
            name = f"{PREFIX}-l{turn}"
            force = engine.force_remove
            steps: list[tuple[str, tuple[str, ...]]] = [
                ("run -d -p", ("run", "-d", "--name", name, "-p", "18090:80", SMALL, "sleep", "3600")),
                ("inspect", ("inspect", name)),
                ("logs", ("logs", name)),
                ("exec true", ("exec", name, "true")),
                ("restart -t 0", ("restart", "-t", "0", name)),
                ("stop -t 0", ("stop", "-t", "0", name)),
                ("start", ("start", name)),
                ("rm -f (running)", (*force, name)),
                ("run -d", ("run", "-d", "--name", name, SMALL, "sleep", "3600")),
                ("kill", ("kill", name)),
                ("rm (stopped)", ("rm", name)),
            ]
            for verb, args in steps:
                took = engine.time_ms(*args)
                if turn:
                    results.setdefault(verb, {}).setdefault(engine.name, []).append(took)


def ready(engines: Sequence[Engine], rounds: int, results: Results) -> None:
    """From `run -d -p` to the first answer of nginx on 127.0.0.1, asked without pause all the while."""
    for turn in range(rounds + 1):
        for engine in engines:
            name = f"{PREFIX}-r{turn}"
            probe = subprocess.Popen(
                [*engine.enter, sys.executable, "-I", "-S", str(PROBE), "127.0.0.1", "18085"],
                stdout=subprocess.PIPE,
                text=True,
            )
            assert probe.stdout is not None
            probe.stdout.readline()
            begin = time.monotonic()
            engine.run("run", "-d", "--name", name, "-p", "18085:80", NET, "nginx")
            connected, answered = map(float, probe.stdout.readline().split())
            probe.wait()
            engine.run(*engine.force_remove, name)
            if turn:
                for case, stamp in (("first connect", connected), ("first HTTP reply", answered)):
                    if stamp:
                        results.setdefault(case, {}).setdefault(engine.name, []).append((stamp - begin) * 1e3)


def _start_many(engine: Engine, count: int, at_a_time: int) -> tuple[float, list[float]]:
    def one(number: int) -> float:
        return engine.time_ms("run", "-d", "--name", f"{PREFIX}-s{number}", SMALL, "sleep", "3600")

    begin = time.monotonic()
    if at_a_time == 1:
        took = [one(number) for number in range(count)]
    else:
        with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
            took = list(pool.map(one, range(count)))
    return time.monotonic() - begin, took


def _median_of(times: int, measure: Callable[[], float]) -> list[float]:
    return [measure() for _ in range(times)]


def scale(engines: Sequence[Engine], growth: int, results: Results) -> None:
    """100 containers at 8 a time, then one at a time up to `growth`: rates, ps, memory, growth of one start."""
    for engine in engines:
        engine.clean()
        put = lambda case, values, name=engine.name: results.setdefault(case, {}).__setitem__(name, values)  # noqa: E731
        put("memory idle", [engine.memory_mb()["all"]])
        seconds, _ = _start_many(engine, 100, PARALLEL)
        put("starts per second, 8 at a time", [100 / seconds])
        note(f"{engine.name}: 100 starts, 8 at a time: {100 / seconds:.1f} per second")
        begin = time.monotonic()
        engine.clean()
        put("rm -f of 100, s", [time.monotonic() - begin])
        _grow(engine, growth, put)
        begin = time.monotonic()
        engine.clean()
        put(f"rm -f of {growth}, s", [time.monotonic() - begin])


def _grow(engine: Engine, growth: int, put: Callable[[str, list[float]], None]) -> None:
    took: list[float] = []
    begin = time.monotonic()
    for number in range(growth):
        took.append(engine.time_ms("run", "-d", "--name", f"{PREFIX}-s{number}", SMALL, "sleep", "3600"))
        if number + 1 == 100:
            put("starts per second, one at a time", [100 / (time.monotonic() - begin)])
        if number + 1 in (100, growth):
            put(f"ps at {number + 1}", _median_of(10, lambda: engine.time_ms("ps")))
            memory = engine.memory_mb()
            put(f"memory at {number + 1}", [memory["all"]])
            put(f"memory at {number + 1}, daemons", [memory["daemons"]])
            put(f"run --rm true at {number + 1}", _median_of(7, lambda: engine.time_ms("run", "--rm", SMALL, "true")))
    put("run -d, first ten", took[:10])
    put("run -d, last ten", took[-10:])
    note(f"{engine.name}: grown to {growth}")
