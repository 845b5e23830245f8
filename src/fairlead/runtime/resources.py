"""`linux.resources` of the OCI spec: what a container's cgroup is to hold it to; also for updates while it runs."""

from __future__ import annotations

from typing import Any

from fairlead.model.container import HostConfig
from fairlead.runtime import devices

Json = dict[str, Any]


def render(host: HostConfig, *, swap_limits: bool = True) -> Json:
    """`swap_limits`: whether the kernel has them."""
    out: Json = {"devices": devices.rules(host)}
    parts = {"memory": _memory(host, swap_limits=swap_limits), "cpu": _cpu(host), "blockIO": _block_io(host)}
    out |= {name: part for name, part in parts.items() if part}
    if host.pids_limit > 0:
        out["pids"] = {"limit": host.pids_limit}
    return out


def _memory(host: HostConfig, *, swap_limits: bool) -> Json:
    memory: Json = {}
    if host.memory_bytes:
        memory["limit"] = host.memory_bytes
        if swap_limits:
            # Docker: no swap limit given means as much swap as memory, so the sum is twice the limit.
            memory["swap"] = host.memory_swap_bytes or host.memory_bytes * 2
    if host.memory_reservation_bytes:
        memory["reservation"] = host.memory_reservation_bytes
    if host.memory_swappiness is not None:
        memory["swappiness"] = host.memory_swappiness
    if host.kernel_memory_tcp_bytes:
        memory["kernelTCP"] = host.kernel_memory_tcp_bytes
    if host.oom_kill_disable:
        memory["disableOOMKiller"] = True
    return memory


def _cpu(host: HostConfig) -> Json:
    cpu: Json = {}
    if host.nano_cpus:
        cpu["period"], cpu["quota"] = 100_000, host.nano_cpus * 100_000 // 1_000_000_000
    for name, value in (
        ("shares", host.cpu_shares), ("period", host.cpu_period), ("quota", host.cpu_quota),
        ("realtimePeriod", host.cpu_realtime_period), ("realtimeRuntime", host.cpu_realtime_runtime),
        ("cpus", host.cpuset_cpus), ("mems", host.cpuset_mems),
    ):  # fmt: skip
        if value:
            cpu[name] = value
    return cpu


def _block_io(host: HostConfig) -> Json:
    block: Json = {"weight": host.blkio_weight} if host.blkio_weight else {}
    for name, member, limits in (
        ("weightDevice", "weight", host.blkio_weights),
        ("throttleReadBpsDevice", "rate", host.blkio_read_bps),
        ("throttleWriteBpsDevice", "rate", host.blkio_write_bps),
        ("throttleReadIOPSDevice", "rate", host.blkio_read_iops),
        ("throttleWriteIOPSDevice", "rate", host.blkio_write_iops),
    ):
        if limits:
            numbers = [(devices.number(limit.path), limit.rate) for limit in limits]
            block[name] = [{"major": major, "minor": minor, member: rate} for (major, minor), rate in numbers]
    return block
