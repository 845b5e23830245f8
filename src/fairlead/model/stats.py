"""What a container has used, as one sample: counters since its start, and gauges of this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Times are nanoseconds of processor time."""

    total_ns: int = 0
    user_ns: int = 0
    kernel_ns: int = 0
    per_cpu_ns: tuple[int, ...] = ()
    """cgroup v1 alone has it."""
    host_ns: int = 0
    """What all processors of the host did, idling included."""
    online: int = 0
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    usage_bytes: int = 0
    limit_bytes: int = 0
    """The host's memory where there is no limit."""
    max_usage_bytes: int = 0
    failures: int = 0
    details: Mapping[str, int] = field(default_factory=dict)
    """memory.stat: other names on v1 than on v2."""


@dataclass(frozen=True, slots=True)
class BlockOperations:
    major: int
    minor: int
    operation: str
    value: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """One interface, as the container sees it."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    read: datetime
    cgroup_version: int
    cpu: Cpu
    memory: Memory
    processes: int
    processes_limit: int | None
    """None = no limit."""
    block_bytes: tuple[BlockOperations, ...] = ()
    block_operations: tuple[BlockOperations, ...] = ()
    """v1 alone."""
    networks: Mapping[str, Traffic] = field(default_factory=dict)
