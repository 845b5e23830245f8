"""Images on their way out: `save` and `export` of a Debian system's 15,000 files into a file, `commit` of a container's
own 2,000."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import disk
import imagework
from commands import Results, note
from engines import SMALL, Engine

SAVE, EXPORT, COMMIT = "save of 15,000 files", "export of 15,000 files", "commit of 2,000 files, 100 MB"
CASES = (SAVE, EXPORT, COMMIT)
_NAME = "pb-move"
_FILL = (
    "mkdir /d && dd if=/dev/urandom of=/one bs=50k count=1 2>/dev/null && "
    "i=0; while [ $i -lt 2000 ]; do cat /one > /d/$i; i=$((i+1)); done; touch /full; sleep 3600"
)


def measure(engines: Sequence[Engine], cache: Path, rounds: int, results: Results) -> None:
    able = [engine for engine in engines if engine.links]
    tar = imagework.archive(cache)
    for engine in able:
        engine.run("load", "-i", str(tar), timeout_s=300)
        engine.run("create", "--name", _NAME, imagework.BIG, "true")
        engine.run("run", "-d", "--name", f"{_NAME}-own", SMALL, "sh", "-c", _FILL)
    for engine in able:
        engine.run("exec", f"{_NAME}-own", "sh", "-c", "until [ -e /full ]; do sleep 0.1; done")
    for turn in range(max(rounds, 3)):
        for engine in imagework.in_turn(able, turn):
            _round(engine, results)
            shown = ", ".join(f"{case} {results[case][engine.name][-1]:.0f} ms" for case in CASES)
            note(f"{turn + 1} {engine.name}: {shown}")
    for engine in able:
        engine.clean()
        engine.run("rmi", imagework.BIG, timeout_s=120)
        imagework.settle(engine)


def _round(engine: Engine, results: Results) -> None:
    out = engine.root / "out.tar"
    steps = {
        SAVE: ("save", "-o", str(out), imagework.BIG),
        EXPORT: ("export", "-o", str(out), _NAME),
        COMMIT: ("commit", f"{_NAME}-own", "committed:1"),
    }
    for case, command in steps.items():
        disk.settle()
        results.setdefault(case, {}).setdefault(engine.name, []).append(engine.time_ms(*command))
        out.unlink(missing_ok=True)
    engine.run("rmi", "committed:1")
