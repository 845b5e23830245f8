"""Streams through the socket, both engines driven by the same docker client: `logs`, `cp` and `exec` of a gigabyte, and
how far the daemon's memory grows under them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from commands import Results, note
from engines import DOCKER, SMALL, Engine
from shell import Failed

NAME = "pb-streams"
CASES = ("logs", "cp out", "cp in", "exec, out", "exec, in")
MEMORY = "growth of the daemon under streams, MB"
_LINE = "x" * 127
"""With its line feed 128 bytes: a log of many lines rather than of a few long ones."""


def case(name: str) -> str:
    return f"{name}, MB/s"


def measure(engines: Sequence[Engine], mb: int, rounds: int, results: Results) -> None:
    able = [engine for engine in engines if engine.links]
    for engine in able:
        _prepare(engine, mb)
    source = able[0].root.parent / "streams.bin"
    source.write_bytes(os.urandom(1 << 20) * mb)
    try:
        for turn in range(rounds):
            for engine in able:
                _round(engine, source, mb, results)
                shown = ", ".join(f"{name} {results[case(name)][engine.name][-1]:.0f}" for name in CASES)
                note(f"streams {turn + 1}/{rounds} {engine.name}, MB/s: {shown}")
    finally:
        source.unlink()
        for engine in able:
            engine.clean()


def _docker(engine: Engine) -> list[str]:
    return [DOCKER, "-H", f"unix://{engine.root}/s"]


def _prepare(engine: Engine, mb: int) -> None:
    """A container that has written a log of the size and ended, and one that runs and holds a file of it."""
    script = f"yes {_LINE} | head -c {mb << 20}"
    engine.run("run", "--name", f"{NAME}-log", "-d", SMALL, "sh", "-c", script)
    engine.run("wait", f"{NAME}-log", timeout_s=600)
    engine.run("run", "--name", NAME, "-d", SMALL, "sleep", "3600")
    engine.run("exec", NAME, "sh", "-c", f"dd if=/dev/urandom of=/block bs=1M count=1 && touch /file && "
               f"i=0; while [ $i -lt {mb} ]; do cat /block; i=$((i+1)); done > /file")  # fmt: skip


def _round(engine: Engine, source: Path, mb: int, results: Results) -> None:
    os.sync()
    docker = _docker(engine)
    before = _daemon_mb(engine)
    peak = before
    steps: dict[str, tuple[list[str], bool, int]] = {
        "logs": ([*docker, "logs", f"{NAME}-log"], False, mb << 20),
        "cp out": ([*docker, "cp", f"{NAME}:/file", "-"], False, mb << 20),
        "cp in": ([*docker, "cp", str(source), f"{NAME}:/copy"], False, 0),
        "exec, out": ([*docker, "exec", "-i", NAME, "cat", "/file"], False, mb << 20),
        "exec, in": ([*docker, "exec", "-i", NAME, "sh", "-c", "cat > /dev/null"], True, 0),
    }
    for name, (argv, feed, least) in steps.items():
        begin = time.monotonic()
        came, highest = _carry(engine, argv, source if feed else None)
        results.setdefault(case(name), {}).setdefault(engine.name, []).append(mb / (time.monotonic() - begin))
        peak = max(peak, highest)
        if came < least:
            raise Failed(f"{name} of {engine.name}: {came} of {least} bytes came")
    results.setdefault(MEMORY, {}).setdefault(engine.name, []).append(peak - before)


def _carry(engine: Engine, argv: Sequence[str], source: Path | None) -> tuple[int, float]:
    """(bytes that came out of the client, the daemon's memory at its highest meanwhile)."""
    came, highest, look = 0, 0.0, 0.0
    feed = source.open("rb") if source else None
    try:
        with subprocess.Popen(
            argv, env=engine.env, stdin=feed or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as client:
            assert client.stdout is not None
            assert client.stderr is not None
            while data := os.read(client.stdout.fileno(), 1 << 20):
                came += len(data)
                if time.monotonic() > look:
                    highest, look = max(highest, _daemon_mb(engine)), time.monotonic() + 0.1
            error = client.stderr.read()
            if client.wait():
                raise Failed(f"{' '.join(argv)}: {error.decode()[-300:]}")
    finally:
        if feed:
            feed.close()
    return came, max(highest, _daemon_mb(engine))


def _daemon_mb(engine: Engine) -> float:
    """Memory of its own that the daemon has (not its children, which pages of files are counted to)."""
    for pid, line in engine.own_processes():
        if " daemon " in line or line.startswith("dockerd"):
            rows = Path(f"/proc/{pid}/status").read_text().splitlines()
            return sum(int(row.split()[1]) for row in rows if row.startswith("RssAnon")) / 1e3
    return 0.0
