"""What the kernel's cgroups can limit on this host, read once: the counterpart of moby's pkg/sysinfo."""

from __future__ import annotations

from pathlib import Path

from fairlead.model.host import Features
from fairlead.runtime import cgroups


def read(root: Path = cgroups.ROOT) -> Features:
    return _read_v2(root) if (root / "cgroup.controllers").exists() else _read_v1(root)


def _read_v2(root: Path) -> Features:
    have = _text(root / "cgroup.controllers").split()
    return Features(
        memory="memory" in have,
        memory_reservation="memory" in have,
        swap="memory" in have and cgroups.swap_limits(),
        cpu_shares="cpu" in have,
        cpu_quota="cpu" in have,
        cpuset="cpuset" in have,
        pids="pids" in have,
        block_io_weight="io" in have,
        block_io_rates="io" in have,
        cpus=_text(root / "cpuset.cpus.effective"),
        memory_nodes=_text(root / "cpuset.mems.effective"),
    )


def _read_v1(root: Path) -> Features:
    def has(*names: str) -> bool:
        return any((root / name).exists() for name in names)

    return Features(
        cgroup_version=1,
        memory=has("memory/memory.limit_in_bytes"),
        memory_reservation=has("memory/memory.soft_limit_in_bytes"),
        swap=has("memory/memory.memsw.limit_in_bytes"),
        swappiness=has("memory/memory.swappiness"),
        oom_kill_disable=has("memory/memory.oom_control"),
        kernel_memory_tcp=has("memory/memory.kmem.tcp.limit_in_bytes"),
        cpu_shares=has("cpu/cpu.shares", "cpu,cpuacct/cpu.shares"),
        cpu_quota=has("cpu/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_quota_us"),
        realtime=has("cpu/cpu.rt_runtime_us", "cpu,cpuacct/cpu.rt_runtime_us"),
        cpuset=has("cpuset/cpuset.cpus"),
        pids=has("pids"),
        block_io_weight=has("blkio/blkio.weight", "blkio/blkio.bfq.weight"),
        block_io_rates=has("blkio/blkio.throttle.read_bps_device"),
        cpus=_text(root / "cpuset/cpuset.cpus"),
        memory_nodes=_text(root / "cpuset/cpuset.mems"),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
