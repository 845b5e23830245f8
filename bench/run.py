"""`make bench`: Fairlead beside dockerd and podman on this machine, in turn, each in a network namespace of its own.
Prints medians, the goals with their ratios, and writes bench/results/latest.json. Exit 1 if a goal is missed."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import commands  # noqa: E402
import datapath  # noqa: E402
import disk  # noqa: E402
import engines  # noqa: E402
import images  # noqa: E402
import imagework  # noqa: E402
import lookups  # noqa: E402
import movework  # noqa: E402
import pulls  # noqa: E402
import report  # noqa: E402
import shell  # noqa: E402
import stormwork  # noqa: E402
import streamwork  # noqa: E402

# images last: what they leave to be written disturbs
SECTIONS = ("run", "life", "ready", "data", "dns", "scale", "storm", "streams", "images", "moves", "pulls")
CACHE = Path(os.environ.get("FAIRLEAD_BENCH_CACHE", "/var/cache/fairlead-bench"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="fairlead,dockerd,podman", help="which engines (default: all three)")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=12, help="times each command is measured (default 12)")
    parser.add_argument("--seconds", type=int, default=2, help="length of one load run (default 2)")
    parser.add_argument("--growth", type=int, default=300, help="containers to grow to (default 300)")
    parser.add_argument("--stream-mb", type=int, default=1024, help="how much a stream carries (default 1024)")
    parser.add_argument("--quick", action="store_true", help="3 rounds, 1 s, 100 containers, streams of 256 MB")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "latest.json")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds, chosen.growth, chosen.stream_mb = 3, 1, 100, 256
    return chosen


def measure(
    chosen: argparse.Namespace, running: list[engines.Engine], work: Path
) -> tuple[commands.Results, list[str]]:
    results: commands.Results = {}
    failures: list[str] = []
    by_docker = [engines.FairleadByDocker(work, engine) for engine in running if engine.name == report.OURS]
    steps = {
        "run": lambda: commands.run_rm([*running, *by_docker], chosen.rounds, results),
        "life": lambda: commands.life(running, chosen.rounds, results),
        "ready": lambda: commands.ready(running, max(chosen.rounds // 2, 3), results),
        "data": lambda: datapath.measure(running, work, 5, chosen.seconds, results),
        "streams": lambda: streamwork.measure(running, chosen.stream_mb, 1, results),
        "dns": lambda: lookups.measure(running, work, 5, chosen.seconds, results),
        "pulls": lambda: pulls.measure(running, CACHE, max(chosen.rounds // 4, 2), results),
        "moves": lambda: movework.measure(running, CACHE, max(chosen.rounds // 4, 2), results),
        "storm": lambda: stormwork.measure(running, 2_000 if chosen.quick else 10_000, results),
        "images": lambda: imagework.measure(running, CACHE, max(chosen.rounds // 4, 2), results),
        "scale": lambda: commands.scale(running, chosen.growth, results),
    }
    for section in chosen.sections.split(","):
        begin = time.monotonic()
        try:
            steps[section]()
        except Exception as error:  # noqa: BLE001  what was measured so far is kept and shown
            failures.append(f"{section}: {error}")
            traceback.print_exc()
        print(f"[{section}] {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return results, failures


def main() -> int:
    chosen = arguments()
    if os.geteuid():
        print("the bench needs root", file=sys.stderr)
        return 2
    engines.install()
    small, net = images.build(CACHE)
    before = os.getloadavg()
    kinds = {kind.name: kind for kind in (engines.Fairlead, engines.Dockerd, engines.Podman)}
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flbench-", ignore_cleanup_errors=True)))
        filesystem = stack.enter_context(disk.mounted(work))
        running: list[engines.Engine] = []
        for name in chosen.engines.split(","):
            engine = kinds[name](work)
            stack.callback(engine.stop)
            print(f"starting {name}", file=sys.stderr, flush=True)
            engine.start(small, net)
            running.append(engine)
        results, failures = measure(chosen, running, work)
        versions = {engine.name: engine.run("version", check=False) for engine in running}
    judged = [goal.judge(results) for goal in report.goals(chosen.growth)]
    report.write(chosen.out, results, judged, {"cpus": os.cpu_count(), "failures": failures,
        "disk": filesystem, "load": {"before": before, "after": os.getloadavg()}, "versions": versions})  # fmt: skip
    print(report.measurements(results), report.verdicts(judged), sep="\n\n")
    for failure in failures:
        print(f"FAILED {failure}")
    return 0 if not failures and all(row["met"] is not False for row in judged) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except shell.Failed as error:
        sys.exit(f"bench: {error}")
