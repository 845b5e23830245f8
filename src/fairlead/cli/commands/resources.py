"""What containers use and may use: stats, update."""

from __future__ import annotations

import sys
import time

from fairlead.cli import client, userconfig
from fairlead.cli.commands import options
from fairlead.cli.flags import Verb, boolean, parse, text

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
_LIMITS = {
    "blkio-weight": "BlkioWeight", "cpu-period": "CpuPeriod", "cpu-quota": "CpuQuota",
    "cpu-rt-period": "CpuRealtimePeriod", "cpu-rt-runtime": "CpuRealtimeRuntime", "cpu-shares": "CpuShares",
    "cpus": "NanoCpus", "cpuset-cpus": "CpusetCpus", "cpuset-mems": "CpusetMems", "memory": "Memory",
    "memory-reservation": "MemoryReservation", "memory-swap": "MemorySwap", "pids-limit": "PidsLimit",
}  # fmt: skip
"""Flags of `run` that can change later → members of HostConfig."""
UPDATE = Verb(
    "update [OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", (1, None),
    *(flag for flag in options.FLAGS if flag.name in _LIMITS or flag.name == "restart"),
)  # fmt: skip
_CLEAR = "\x1b[H\x1b[J"
_EVERY_S = 1.0


def update(api: Client, argv: list[str]) -> int:
    from fairlead.cli.commands import creation

    wanted = parse(UPDATE, argv)
    body: dict[str, Any] = {member: wanted[flag] for flag, member in _LIMITS.items() if wanted.given(flag)}
    if wanted.given("restart"):
        body["RestartPolicy"] = creation.restart_policy(wanted["restart"])
    if not body:
        raise client.Refused("you must provide one or more flags when using this command")
    failed = False
    for name in wanted.args:
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

    wanted = parse(STATS, argv)
    fmt = wanted["format"] or userconfig.text("statsFormat")
    before: dict[str, Any] = {}
    now = _readings(api, wanted)  # rates need two of them
    while True:
        time.sleep(_EVERY_S)
        before, now = now, _readings(api, wanted)
        rows = [(reading, before.get(name)) for name, reading in now.items()]
        shown = listing.show(rows, fmt, no_trunc=wanted["no-trunc"])
        if not wanted["no-stream"] and sys.stdout.isatty():
            shown = _CLEAR + shown
        sys.stdout.write(shown)
        sys.stdout.flush()
        if wanted["no-stream"] or (wanted.args and not now):
            return 0


def _readings(api: Client, wanted: Any) -> dict[str, Any]:
    """Name or id → reading. Those that were named must be there; of the others some may go meanwhile."""
    names = wanted.args or [row["Id"] for row in api.get("/containers/json", all=wanted["all"] or None)]
    found = {}
    for name in names:
        query = {"stream": "0", "one-shot": "1"}
        try:
            found[name] = api.get(f"/containers/{name}/stats", **query)
        except client.ApiError as error:
            if wanted.args and error.status == 404:
                raise
    return found
