"""What a host can fulfil of a wish: defaults, warnings and refusals, on hosts that have much and little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairlead.engine import admission
from fairlead.errors import Conflict, InvalidParameter
from fairlead.model.container import DeviceRate, HostConfig, LogConfig, RestartPolicy
from fairlead.model.host import Features
from fairlead.model.settings import Settings
from fairlead.runtime import defaults

RICH = Features(
    cgroup_version=1, swappiness=True, oom_kill_disable=True, kernel_memory_tcp=True, realtime=True, cpus="0-3,8",
)  # fmt: skip
POOR = Features(
    memory=False, memory_reservation=False, swap=False, cpu_shares=False, cpu_quota=False, cpuset=False, pids=False,
    block_io_weight=False, block_io_rates=False,
)  # fmt: skip


def _ground(features: Features) -> admission.Ground:
    return admission.Ground(features=features, capabilities=frozenset(defaults.ALL_CAPABILITIES))


def test_what_is_not_given_gets_docker_s_defaults() -> None:
    host, warnings = admission.admit(HostConfig(memory_bytes=100), _ground(RICH))
    assert (host.memory_swap_bytes, host.cgroupns_mode, host.oom_kill_disable) == (200, "host", False)
    host, _ = admission.admit(HostConfig(memory_bytes=100), _ground(Features()))
    assert (host.cgroupns_mode, host.oom_kill_disable) == ("private", None)
    assert warnings == []


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({"nano_cpus": 5}, {"cpu_quota": 9}, "CPU Quota cannot be updated as NanoCPUs has already been set"),
        ({"nano_cpus": 5}, {"cpu_period": 9}, "CPU Period cannot be updated as NanoCPUs has already been set"),
        ({"cpu_quota": 5}, {"nano_cpus": 9}, "Nano CPUs cannot be updated as CPU Quota has already been set"),
        ({"memory_bytes": 5, "memory_swap_bytes": 10}, {"memory_bytes": 11}, "than already set memoryswap limit"),
        ({"auto_remove": True}, {"restart_policy": RestartPolicy("always")}, "because AutoRemove is enabled"),
    ],
)
def test_changes_that_contradict_what_is_there(before: dict[str, Any], after: dict[str, Any], why: str) -> None:
    now = HostConfig(**before)
    with pytest.raises(Conflict, match=why):
        admission.change(now, replace(now, **after))
    admission.change(HostConfig(), replace(HostConfig(), **after))


def test_a_poor_kernel_drops_limits_and_says_so() -> None:
    rate = (DeviceRate("/dev/sda", 1),)
    wanted = HostConfig(
        memory_bytes=2**24, memory_reservation_bytes=2**23, memory_swappiness=0, pids_limit=5, cpu_shares=2,
        cpu_period=1000, cpu_quota=1000, cpuset_cpus="0", blkio_weight=10, blkio_weights=rate, blkio_read_bps=rate,
        blkio_write_bps=rate, blkio_read_iops=rate, blkio_write_iops=rate, kernel_memory_tcp_bytes=1,
        oom_kill_disable=True,
    )  # fmt: skip
    host, warnings = admission.limits(wanted, POOR)
    assert host == replace(HostConfig(), memory_swap_bytes=-1)
    assert len(warnings) == 15
    assert all("discarded" in text or text.endswith("Memory limited without swap.") for text in warnings)


def test_a_rich_kernel_drops_nothing() -> None:
    wanted = HostConfig(memory_bytes=2**24, memory_swap_bytes=2**25, memory_swappiness=5, cpuset_cpus="1-3,8",
                        oom_kill_disable=True, cpu_realtime_runtime=5)  # fmt: skip
    assert admission.limits(wanted, RICH) == (wanted, [])


def test_killing_none_without_a_limit_is_remarked() -> None:
    _, warnings = admission.limits(HostConfig(oom_kill_disable=True), RICH)
    assert warnings == [
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running "
        "out of resources."
    ]


@pytest.mark.parametrize(
    ("wanted", "features", "message"),
    [
        (HostConfig(cpuset_cpus="0-4"), RICH, "Requested CPUs are not available - requested 0-4, available: 0-3,8"),
        (HostConfig(cpuset_mems="1"), RICH, "Requested memory nodes are not available - requested 1, available: 0"),
        (HostConfig(cpu_realtime_period=1), POOR, "kernel does not support CPU real-time scheduler"),
        (HostConfig(cap_add=("X",)), RICH, 'invalid CapAdd: unknown capability: "CAP_X"'),
        (HostConfig(cap_drop=("X",)), RICH, 'invalid CapDrop: unknown capability: "CAP_X"'),
        (HostConfig(storage_options={"x": ""}), RICH, "unknown option x"),
        (HostConfig(security_opt=("apparmor=mine",)), RICH,
         "AppArmor is not enabled on this host: profile mine cannot be applied"),
    ],
)  # fmt: skip
def test_refusals(wanted: HostConfig, features: Features, message: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        admission.admit(wanted, _ground(features))
    assert refused.value.message == message


def test_a_capability_the_daemon_lacks_cannot_be_given() -> None:
    ground = admission.Ground(features=RICH, capabilities=frozenset({"CAP_CHOWN"}))
    with pytest.raises(InvalidParameter, match="not available in the current environment"):
        admission.admit(HostConfig(cap_add=("kill",)), ground)
    assert admission.admit(HostConfig(cap_add=("ALL",), cap_drop=("chown",)), ground)[1] == []


def test_labels_mean_nothing_where_selinux_is_off() -> None:
    _, warnings = admission.admit(HostConfig(security_opt=("label=type:x", "label=disable")), _ground(RICH))
    assert warnings == ["SELinux is not enabled on this host: security option label=type:x has no effect."]


def test_who_says_nothing_gets_what_the_daemon_says() -> None:
    settings = Settings(
        log_driver="local", log_options=(("max-size", "9m"), ("max-file", "2")), shm_size_bytes=5, ipc_mode="shareable",
        cgroupns_mode="private",
    )  # fmt: skip
    ground = replace(_ground(RICH), settings=settings)
    silent = HostConfig(log_config=LogConfig(""), shm_size_bytes=0, ipc_mode="")
    host, _ = admission.admit(silent, ground)
    assert host.log_config == LogConfig("local", {"max-size": "9m", "max-file": "2"})
    assert (host.shm_size_bytes, host.ipc_mode, host.cgroupns_mode) == (5, "shareable", "private")
    host, _ = admission.admit(replace(silent, log_config=LogConfig("local", {"max-size": "1m"})), ground)
    assert host.log_config.options == {"max-size": "1m", "max-file": "2"}
    host, _ = admission.admit(replace(silent, log_config=LogConfig("json-file")), ground)
    assert host.log_config.options == {}
    with pytest.raises(InvalidParameter, match="unknown log opt 'tag' for log driver local"):
        admission.admit(replace(silent, log_config=LogConfig("", {"tag": "x"})), ground)
