"""`stats`: fields and columns, rates out of two readings."""

from __future__ import annotations

from fairlead.cli import formats, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Row = tuple[Any, Any]

_TITLES = {
    "Container": "CONTAINER", "ID": "CONTAINER ID", "Name": "NAME", "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
}  # fmt: skip
_COLUMNS = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")


def show(rows: Sequence[Row], fmt: str = "", *, no_trunc: bool = False) -> str:
    fields = {
        "Container": lambda row: row[0]["id"] if no_trunc else row[0]["id"][:12],
        "ID": lambda row: row[0]["id"] if no_trunc else row[0]["id"][:12],
        "Name": lambda row: row[0]["name"].removeprefix("/"),
        "CPUPerc": lambda row: f"{cpu_percent(*row):.2f}%",
        "MemUsage": lambda row: " / ".join(units.binary_size(part) for part in memory(row[0])),
        "MemPerc": lambda row: f"{_share(*memory(row[0])):.2f}%",
        "NetIO": lambda row: _pair(traffic(row[0])),
        "BlockIO": lambda row: _pair(block(row[0])),
        "PIDs": lambda row: str(row[0]["pids_stats"].get("current", 0)),
    }
    kind = formats.Kind("*formatter.statsContext", fields, _TITLES, _COLUMNS)
    return formats.listing(kind, rows, fmt)


def cpu_percent(now: Any, before: Any) -> float:
    """Of one processor: 200 % are two of them all the time."""
    if before is None:
        return 0.0
    here, there = now["cpu_stats"], before["cpu_stats"]
    used = here["cpu_usage"]["total_usage"] - there["cpu_usage"]["total_usage"]
    whole = here.get("system_cpu_usage", 0) - there.get("system_cpu_usage", 0)
    return used / whole * here.get("online_cpus", 1) * 100 if used > 0 and whole > 0 else 0.0


def memory(reading: Any) -> tuple[int, int]:
    """(used, limit); a cache that would give way does not count."""
    found = reading["memory_stats"]
    usage, details = found.get("usage", 0), found.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return usage - cache if cache < usage else usage, found.get("limit", 0)


def traffic(reading: Any) -> tuple[int, int]:
    found = (reading.get("networks") or {}).values()
    return sum(one["rx_bytes"] for one in found), sum(one["tx_bytes"] for one in found)


def block(reading: Any) -> tuple[int, int]:
    found = reading["blkio_stats"].get("io_service_bytes_recursive") or ()
    totals = {letter: sum(one["value"] for one in found if one["op"][:1].lower() == letter) for letter in "rw"}
    return totals["r"], totals["w"]


def _share(part: int, whole: int) -> float:
    return part / whole * 100 if whole else 0.0


def _pair(values: tuple[int, int]) -> str:
    return " / ".join(units.size(value, digits=3) for value in values)
