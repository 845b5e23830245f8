"""What the kernel can limit, read from trees of both versions."""

from __future__ import annotations

from pathlib import Path

from fairlead.runtime import features


def test_a_unified_hierarchy(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    (tmp_path / "cpuset.cpus.effective").write_text("0-3\n")
    found = features.read(tmp_path)
    assert (found.cgroup_version, found.memory, found.cpu_quota, found.pids) == (2, True, True, True)
    assert (found.block_io_weight, found.swappiness, found.oom_kill_disable, found.cpus) == (False, False, False, "0-3")


def test_hierarchies_of_their_own(tmp_path: Path) -> None:
    for name in ("memory/memory.limit_in_bytes", "memory/memory.oom_control", "cpu/cpu.shares", "cpuset/cpuset.cpus",
                 "blkio/blkio.throttle.read_bps_device"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("0-1\n")
    found = features.read(tmp_path)
    assert (found.cgroup_version, found.memory, found.oom_kill_disable, found.cpu_shares) == (1, True, True, True)
    assert (found.swap, found.cpu_quota, found.pids, found.block_io_weight) == (False, False, False, False)
    assert (found.cpuset, found.block_io_rates, found.cpus) == (True, True, "0-1")
