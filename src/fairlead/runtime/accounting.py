"""What a container has used: read from its cgroup (v1 and v2) and from its network namespace's counters.

A file that is not there counts as zero: controllers differ between hosts, and a container may end meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from fairlead.model.stats import BlockOperations, Cpu, Memory, Sample, Traffic
from fairlead.runtime import cgroups

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_UNLIMITED = "max"


def sample(cgroup: str, pid: int) -> Sample:
    """Of the cgroup (as in cgroupsPath), and of the network namespace of a process."""
    version = cgroups.version()
    text = _reader(cgroup)
    cpu, memory = (_cpu_v2(text), _memory_v2(text)) if version == 2 else (_cpu_v1(text), _memory_v1(text))
    limit = text("pids", "pids.max").strip() or _UNLIMITED
    return Sample(
        read=datetime.now(UTC),
        cgroup_version=version,
        cpu=cpu,
        memory=memory,
        processes=_number(text("pids", "pids.current")),
        processes_limit=None if limit == _UNLIMITED else _number(limit),
        block_bytes=parse_io_stat(text("io", "io.stat")) if version == 2 else _block_v1(text, "service_bytes"),
        block_operations=() if version == 2 else _block_v1(text, "serviced"),
        networks=parse_net_dev(_read(Path(f"/proc/{pid}/net/dev"))),
    )


Reader = Callable[[str, str], str]


def _reader(cgroup: str) -> Reader:
    """(controller, file) → its text, '' where there is none. On v2 all controllers are in one place."""
    unified = cgroups.version() == 2

    def text(controller: str, name: str) -> str:
        base = cgroups.ROOT if unified else cgroups.ROOT / controller
        return _read(base / cgroup.lstrip("/") / name)

    return text


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdecimal() else 0


def _rows(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


# --- processors -----------------------------------------------------------------------------------------------


def _cpu_v1(text: Reader) -> Cpu:
    times, throttling = _rows(text("cpuacct", "cpuacct.stat")), _rows(text("cpu", "cpu.stat"))
    return Cpu(
        total_ns=_number(text("cpuacct", "cpuacct.usage")),
        user_ns=times.get("user", 0) * _TICK_NS,
        kernel_ns=times.get("system", 0) * _TICK_NS,
        per_cpu_ns=tuple(int(part) for part in text("cpuacct", "cpuacct.usage_percpu").split()),
        host_ns=_host_ns(),
        online=os.cpu_count() or 1,
        periods=throttling.get("nr_periods", 0),
        throttled_periods=throttling.get("nr_throttled", 0),
        throttled_ns=throttling.get("throttled_time", 0),
    )


def _cpu_v2(text: Reader) -> Cpu:
    rows = _rows(text("cpu", "cpu.stat"))
    return Cpu(
        total_ns=rows.get("usage_usec", 0) * 1000,
        user_ns=rows.get("user_usec", 0) * 1000,
        kernel_ns=rows.get("system_usec", 0) * 1000,
        host_ns=_host_ns(),
        online=os.cpu_count() or 1,
        periods=rows.get("nr_periods", 0),
        throttled_periods=rows.get("nr_throttled", 0),
        throttled_ns=rows.get("throttled_usec", 0) * 1000,
    )


def _host_ns() -> int:
    """First line of /proc/stat, proc(5): user, nice, system, idle, iowait, irq, softirq, steal."""
    first = _read(Path("/proc/stat")).partition("\n")[0].split()[1:9]
    return sum(map(int, first)) * _TICK_NS


# --- memory ---------------------------------------------------------------------------------------------------


def _memory_v1(text: Reader) -> Memory:
    return Memory(
        usage_bytes=_number(text("memory", "memory.usage_in_bytes")),
        limit_bytes=_limit(text("memory", "memory.limit_in_bytes")),
        max_usage_bytes=_number(text("memory", "memory.max_usage_in_bytes")),
        failures=_number(text("memory", "memory.failcnt")),
        details=_rows(text("memory", "memory.stat")),
    )


def _memory_v2(text: Reader) -> Memory:
    return Memory(
        usage_bytes=_number(text("memory", "memory.current")),
        limit_bytes=_limit(text("memory", "memory.max")),
        details=_rows(text("memory", "memory.stat")),
    )


def _limit(text: str) -> int:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(_number(text) or whole, whole)


# --- devices and interfaces -----------------------------------------------------------------------------------


def _block_v1(text: Reader, what: str) -> tuple[BlockOperations, ...]:
    # CFQ's own files count where that scheduler is; the throttling ones count everywhere.
    own = parse_blkio(text("blkio", f"blkio.io_{what}_recursive"))
    return own or parse_blkio(text("blkio", f"blkio.throttle.io_{what}_recursive"))


def parse_blkio(text: str) -> tuple[BlockOperations, ...]:
    """`8:0 Read 4096` (v1)."""
    found = []
    for line in text.splitlines():
        device, *rest = line.split()
        major, colon, minor = device.partition(":")
        if colon and len(rest) == 2:
            found.append(BlockOperations(int(major), int(minor), rest[0], int(rest[1])))
    return tuple(found)


def parse_io_stat(text: str) -> tuple[BlockOperations, ...]:
    """`8:0 rbytes=4096 wbytes=0 …` (v2)."""
    found = []
    for line in text.splitlines():
        device, *rest = line.split()
        major, colon, minor = device.partition(":")
        values = dict(part.split("=", 1) for part in rest if "=" in part)
        if colon:
            found += [
                BlockOperations(int(major), int(minor), operation, int(values.get(name, 0)))
                for operation, name in (("read", "rbytes"), ("write", "wbytes"))
            ]
    return tuple(found)


def parse_net_dev(text: str) -> Mapping[str, Traffic]:
    """/proc/net/dev, proc(5), without the loopback."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        n = [int(part) for part in numbers.split()]
        if name.strip() != "lo" and len(n) >= 12:
            found[name.strip()] = Traffic(n[0], n[1], n[2], n[3], n[8], n[9], n[10], n[11])
    return found
