"""What containers use and may use: stats, update."""

from __future__ import annotations

import sys
import time

from fairlead.cli import client
from fairlead.cli.flags import Verb, boolean, number, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

STATS = Verb(
    "stats [OPTIONS] [CONTAINER...]", "Display a live stream of container(s) resource usage statistics", (0, None),
    boolean("all", "a", help="Show all containers (default shows just running)"),
    text("format", help="Format output using a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'"),
    boolean("no-stream", help="Disable streaming stats and only pull the first result"),
    boolean("no-trunc", help="Do not truncate output"),
)  # fmt: skip
UPDATE = Verb(
    "update [OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", (1, None),
    number("blkio-weight", help="Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
    number("cpu-period", help="Limit CPU CFS (Completely Fair Scheduler) period"),
    number("cpu-quota", help="Limit CPU CFS (Completely Fair Scheduler) quota"),
    number("cpu-rt-period", help="Limit the CPU real-time period in microseconds"),
    number("cpu-rt-runtime", help="Limit the CPU real-time runtime in microseconds"),
    number("cpu-shares", "c", help="CPU shares (relative weight)"),
    text("cpus", word="decimal", check="cpus", help="Number of CPUs"),
    text("cpuset-cpus", help="CPUs in which to allow execution (0-3, 0,1)"),
    text("cpuset-mems", help="MEMs in which to allow execution (0-3, 0,1)"),
    text("memory", "m", word="bytes", check="size", help="Memory limit"),
    text("memory-reservation", word="bytes", check="size", help="Memory soft limit"),
    text("memory-swap", word="bytes", check="swap",
         help="Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    number("pids-limit", help="Tune container pids limit (set -1 for unlimited)"),
    text("restart", help="Restart policy to apply when a container exits"),
)  # fmt: skip
_MEMBERS = (
    ("blkio-weight", "BlkioWeight"), ("cpu-period", "CpuPeriod"), ("cpu-quota", "CpuQuota"),
    ("cpu-rt-period", "CpuRealtimePeriod"), ("cpu-rt-runtime", "CpuRealtimeRuntime"), ("cpu-shares", "CpuShares"),
    ("cpus", "NanoCpus"), ("cpuset-cpus", "CpusetCpus"), ("cpuset-mems", "CpusetMems"), ("memory", "Memory"),
    ("memory-reservation", "MemoryReservation"), ("memory-swap", "MemorySwap"), ("pids-limit", "PidsLimit"),
)  # fmt: skip
_CLEAR = "\x1b[H\x1b[J"
_EVERY_S = 1.0


def update(api: Client, argv: list[str]) -> int:
    from fairlead.cli.commands import creation

    options = parse(UPDATE, argv)
    body: dict[str, Any] = {member: options[flag] for flag, member in _MEMBERS if options.given(flag)}
    if options["restart"]:
        body["RestartPolicy"] = creation.restart_policy(options["restart"])
    if not body:
        raise client.Refused("you must provide one or more flags when using this command")
    failed = False
    for name in options.args:
        try:
            answer = api.post(f"/containers/{name}/update", body)
        except client.ApiError as error:
            failed = True
            sys.stderr.write(f"Error response from daemon: {error}\n")
            continue
        sys.stdout.write(f"{name}\n")
        for warning in answer.get("Warnings") or ():
            sys.stderr.write(f"{warning}\n")
    return int(failed)


def stats(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import stats as listing

    options = parse(STATS, argv)
    before: dict[str, Any] = {}
    now = _readings(api, options)  # rates need two of them
    while True:
        time.sleep(_EVERY_S)
        before, now = now, _readings(api, options)
        rows = [(reading, before.get(name)) for name, reading in now.items()]
        shown = listing.show(rows, options["format"], no_trunc=options["no-trunc"])
        if not options["no-stream"] and sys.stdout.isatty():
            shown = _CLEAR + shown
        sys.stdout.write(shown)
        sys.stdout.flush()
        if options["no-stream"] or (options.args and not now):
            return 0


def _readings(api: Client, options: Any) -> dict[str, Any]:
    """Name or id → reading. Those that were named must be there; of the others some may go meanwhile."""
    names = options.args or [row["Id"] for row in api.get("/containers/json", all=options["all"] or None)]
    found = {}
    for name in names:
        query = {"stream": "0", "one-shot": "1"}
        try:
            found[name] = api.get(f"/containers/{name}/stats", **query)
        except client.ApiError as error:
            if options.args and error.status == 404:
                raise
    return found
