"""Limits of a container, read from inside it: cgroup files, /proc, ulimit. Many fields to a container, to stay fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration.config.harness import output, refusal, running, sections
from testbed.engine import Engine

pytestmark = pytest.mark.root

MIB = 1024 * 1024


def _cgroup(engine: Engine, container: str, v1: str, v2: str) -> str:
    """A file of the container's cgroup, by either version's name."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return (root / f"fairlead/{engine.instance}/{container}" / v2).read_text().strip()
    controller = v1.partition(".")[0]
    controller = {"cpu": "cpu", "cpuset": "cpuset"}.get(controller, controller)
    return (root / controller / f"fairlead/{engine.instance}/{container}" / v1).read_text().strip()


def test_memory_processors_and_processes(shared_engine: Engine) -> None:
    host = {
        "Memory": 64 * MIB, "MemorySwap": 128 * MIB, "MemoryReservation": 32 * MIB, "NanoCpus": 500_000_000,
        "CpuShares": 512, "CpusetCpus": "0", "CpusetMems": "0", "PidsLimit": 77,
    }  # fmt: skip
    with running(shared_engine, host) as container:
        told = {
            "memory": _cgroup(shared_engine, container, "memory.limit_in_bytes", "memory.max"),
            "pids": _cgroup(shared_engine, container, "pids.max", "pids.max"),
            "cpus": _cgroup(shared_engine, container, "cpuset.cpus", "cpuset.cpus"),
        }
        quota = _cgroup(shared_engine, container, "cpu.cfs_quota_us", "cpu.max").split()[0]
        shown = shared_engine.inspect(container)["HostConfig"]
    assert told == {"memory": str(64 * MIB), "pids": "77", "cpus": "0"}
    assert quota == "50000"
    assert {name: shown[name] for name in host} == host


def test_limits_change_while_it_runs(shared_engine: Engine) -> None:
    with running(shared_engine, {"Memory": 64 * MIB, "PidsLimit": 77, "NanoCpus": 10**9}) as container:
        update = f"/containers/{container}/update"
        shared_engine.json("POST", update, {"Memory": 32 * MIB, "MemorySwap": 32 * MIB, "PidsLimit": -1})
        memory = _cgroup(shared_engine, container, "memory.limit_in_bytes", "memory.max")
        assert (memory, _cgroup(shared_engine, container, "pids.max", "pids.max")) == (str(32 * MIB), "max")
        status, answer = shared_engine.api("POST", update, {"CpuQuota": 5000})
        assert (status, json.loads(answer)["message"]) == (
            409, f"Cannot update container {shared_engine.inspect(container)['Id']}: Conflicting options: "
            "CPU Quota cannot be updated as NanoCPUs has already been set",
        )  # fmt: skip


def test_a_quota_of_ones_own(shared_engine: Engine) -> None:
    with running(shared_engine, {"CpuPeriod": 50_000, "CpuQuota": 20_000}) as container:
        quota = _cgroup(shared_engine, container, "cpu.cfs_quota_us", "cpu.max").split()[0]
    assert quota == "20000"


def test_swap_is_as_much_as_memory_unless_said_otherwise(shared_engine: Engine) -> None:
    with running(shared_engine, {"Memory": 32 * MIB}) as container:
        swap = shared_engine.inspect(container)["HostConfig"]["MemorySwap"]
    assert swap == (64 * MIB if shared_engine.json("GET", "/info")["SwapLimit"] else -1)


def test_who_takes_too_much_memory_is_killed(shared_engine: Engine) -> None:
    host = {"Memory": 8 * MIB, "MemorySwap": 8 * MIB}
    with running(shared_engine, host, "x=$(head -c 64m /dev/zero | tr '\\0' a)") as container:
        shared_engine.json("POST", f"/containers/{container}/wait")
        state = shared_engine.inspect(container)["State"]
    assert state["OOMKilled"] is True


def test_ulimits_scores_and_shared_memory(shared_engine: Engine) -> None:
    host = {
        "Ulimits": [
            {"Name": "nofile", "Soft": 123, "Hard": 456}, {"Name": "core", "Soft": -1, "Hard": -1},
            {"Name": "nproc", "Soft": 77, "Hard": 78},
        ],
        "OomScoreAdj": 300, "ShmSize": 3 * MIB,
    }  # fmt: skip
    script = "echo == limits; cat /proc/self/limits; echo == score; cat /proc/self/oom_score_adj; " \
             "echo == shm; df -k /dev/shm | tail -1"  # fmt: skip
    told = sections(output(shared_engine, script, host))
    limits = {line.split("  ")[0]: line.split()[-3:] for line in told["limits"].splitlines()}
    assert limits["Max open files"][:2] == ["123", "456"]
    assert limits["Max processes"][:2] == ["77", "78"]
    assert limits["Max core file size"][:2] == ["unlimited", "unlimited"]
    assert told["score"] == "300"
    assert told["shm"].split()[1] == str(3 * 1024)


def test_a_container_without_limits_has_none(shared_engine: Engine) -> None:
    with running(shared_engine) as container:
        pids = _cgroup(shared_engine, container, "pids.max", "pids.max")
        shown = shared_engine.inspect(container)["HostConfig"]
    assert pids == "max"
    assert shown["PidsLimit"] is None
    assert (shown["Memory"], shown["MemorySwap"], shown["ShmSize"]) == (0, 0, 64 * MIB)


def test_rates_of_block_devices(shared_engine: Engine, block_device: str) -> None:
    host: dict[str, Any] = {
        "BlkioDeviceReadBps": [{"Path": block_device, "Rate": 1 << 20}],
        "BlkioDeviceWriteIOps": [{"Path": block_device, "Rate": 100}],
    }
    with running(shared_engine, host) as container:
        bps = _cgroup(shared_engine, container, "blkio.throttle.read_bps_device", "io.max")
        iops = _cgroup(shared_engine, container, "blkio.throttle.write_iops_device", "io.max")
        shown = shared_engine.inspect(container)["HostConfig"]
    assert "1048576" in bps
    assert "100" in iops
    assert {name: shown[name] for name in host} == host


@pytest.fixture
def block_device() -> str:
    """Any whole disk of this machine."""
    disks = [entry.name for entry in Path("/sys/block").iterdir() if not entry.name.startswith("zram")]
    found = next((f"/dev/{name}" for name in sorted(disks) if Path(f"/dev/{name}").is_block_device()), "")
    return found or pytest.skip("no block device here")


def test_what_the_kernel_cannot_limit_is_dropped_with_a_warning(shared_engine: Engine) -> None:
    info = shared_engine.json("GET", "/info")
    body = {"Image": "box", "Cmd": ["true"], "HostConfig": {"OomKillDisable": True, "BlkioWeight": 300}}
    made = shared_engine.json("POST", "/containers/create", body)
    shown = shared_engine.inspect(made["Id"])["HostConfig"]
    assert any("memory limit is set" in text for text in made["Warnings"]) == info["OomKillDisable"]
    assert any("Weight discarded." in text for text in made["Warnings"]) == (shown["BlkioWeight"] == 0)


def test_processors_that_are_not_there(shared_engine: Engine) -> None:
    status, text = refusal(shared_engine, {"CpusetCpus": "0,4096"})
    assert status == 400
    assert text.startswith("Requested CPUs are not available - requested 0,4096, available: ")
    status, text = refusal(shared_engine, {"CpusetMems": "9"})
    assert (status, text[:40]) == (400, "Requested memory nodes are not available")


def test_a_cgroup_below_a_parent_of_ones_choice(shared_engine: Engine) -> None:
    parent = f"fairlead-test-{shared_engine.instance}"
    with running(shared_engine, {"CgroupParent": parent, "PidsLimit": 9}) as container:
        found = [*Path("/sys/fs/cgroup").glob(f"pids/{parent}/{container}/pids.max"),
                 *Path("/sys/fs/cgroup").glob(f"{parent}/{container}/pids.max")]  # fmt: skip
        assert [path.read_text().strip() for path in found] == ["9"]
        shared_engine.do("kill", container)
    for folder in (*Path("/sys/fs/cgroup").glob(f"*/{parent}"), *Path("/sys/fs/cgroup").glob(parent)):
        assert [entry.name for entry in folder.iterdir() if entry.is_dir()] == []
        folder.rmdir()
