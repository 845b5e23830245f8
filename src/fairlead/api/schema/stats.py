"""Readings of `stats` in Docker's JSON, which differs between cgroup versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fairlead.api.schema import times
from fairlead.model.container import Container
from fairlead.model.stats import BlockOperations, Cpu, Memory, Sample


class Reading(Protocol):
    @property
    def container(self) -> Container: ...
    @property
    def now(self) -> Sample | None: ...
    @property
    def before(self) -> Sample | None: ...


def render(reading: Reading) -> dict[str, Any]:
    now, before = reading.now, reading.before
    out: dict[str, Any] = {
        "name": f"/{reading.container.name}",
        "id": reading.container.id,
        "read": times.render(now.read if now else None),
        "preread": times.render(before.read if before else None),
        "pids_stats": _processes(now) if now else {},
        "blkio_stats": _block(now),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now.cpu if now else Cpu()),
        "precpu_stats": _cpu(before.cpu if before else Cpu()),
        "memory_stats": _memory(now.memory, now.cgroup_version) if now else {},
    }
    if now is not None and now.networks:
        out["networks"] = {
            name: {
                "rx_bytes": t.rx_bytes, "rx_packets": t.rx_packets, "rx_errors": t.rx_errors,
                "rx_dropped": t.rx_dropped, "tx_bytes": t.tx_bytes, "tx_packets": t.tx_packets,
                "tx_errors": t.tx_errors, "tx_dropped": t.tx_dropped,
            }
            for name, t in now.networks.items()
        }  # fmt: skip
    return out


def _processes(sample: Sample) -> dict[str, int]:
    limit = sample.processes_limit
    if limit is None and sample.cgroup_version == 2:
        limit = (1 << 64) - 1
    return {"current": sample.processes} | ({"limit": limit} if limit is not None else {})


def _cpu(cpu: Cpu) -> dict[str, Any]:
    usage: dict[str, Any] = {"total_usage": cpu.total_ns}
    if cpu.per_cpu_ns:
        usage["percpu_usage"] = list(cpu.per_cpu_ns)
    usage |= {"usage_in_kernelmode": cpu.kernel_ns, "usage_in_usermode": cpu.user_ns}
    out: dict[str, Any] = {"cpu_usage": usage}
    if cpu.online:
        out |= {"system_cpu_usage": cpu.host_ns, "online_cpus": cpu.online}
    out["throttling_data"] = {
        "periods": cpu.periods, "throttled_periods": cpu.throttled_periods, "throttled_time": cpu.throttled_ns,
    }  # fmt: skip
    return out


def _memory(memory: Memory, version: int) -> dict[str, Any]:
    out: dict[str, Any] = {"usage": memory.usage_bytes}
    if version == 1:
        out["max_usage"] = memory.max_usage_bytes
        if memory.failures:
            out["failcnt"] = memory.failures
    return out | {"stats": dict(memory.details), "limit": memory.limit_bytes}


_BLOCK = (
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
)  # fmt: skip


def _block(sample: Sample | None) -> dict[str, Any]:
    """Members that the kernel does not tell are null on v2 and empty on v1, as Docker has them."""
    empty: list[dict[str, Any]] | None = None if sample is None or sample.cgroup_version == 2 else []
    out: dict[str, Any] = dict.fromkeys(_BLOCK, empty)
    if sample is not None:
        out["io_service_bytes_recursive"] = _operations(sample.block_bytes) or empty
        out["io_serviced_recursive"] = _operations(sample.block_operations) or empty
    return out


def _operations(found: Sequence[BlockOperations]) -> list[dict[str, Any]]:
    return [{"major": o.major, "minor": o.minor, "op": o.operation, "value": o.value} for o in found]
