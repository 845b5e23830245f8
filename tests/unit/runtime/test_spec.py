"""config.json from model values: what Docker's defaults are, and what each wish changes in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fairlead.errors import InvalidParameter
from fairlead.model.container import (
    Config,
    Container,
    Device,
    DeviceRate,
    HostConfig,
    Mount,
    ReadOnlyBelow,
    Ulimit,
)
from fairlead.runtime import defaults, mounts, resources, spec
from fairlead.runtime.users import Identity


def _render(host: HostConfig = HostConfig(), config: Config = Config(), **given: Any) -> dict[str, Any]:  # noqa: B008
    container = Container(
        id="a" * 64, name="web", created=datetime.now(UTC), path="sh", args=("-c", "x"), config=config,
        host_config=host, mounts=given.pop("own_mounts", ()),
    )  # fmt: skip
    values = {"env": ["A=1"], "root": Path("/merged"), "netns_path": "/netns", "hostname": "h", "cgroup_path": "/cg"}
    return spec.render(spec.SpecInput(container=container, **{**values, **given}))


def test_the_default() -> None:
    document = _render()
    process = document["process"]
    assert (process["args"], process["cwd"], process["env"]) == (["sh", "-c", "x"], "/", ["A=1"])
    assert (process["noNewPrivileges"], process["terminal"], process["rlimits"]) == (False, False, [])
    assert [mount["destination"] for mount in document["mounts"]] == [
        "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"]  # fmt: skip
    linux = document["linux"]
    assert [namespace["type"] for namespace in linux["namespaces"]] == [
        "mount", "pid", "uts", "ipc", "cgroup", "network"]  # fmt: skip
    assert linux["maskedPaths"] == list(defaults.MASKED_PATHS)
    assert set(linux["resources"]) == {"devices"}
    assert linux["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert "devices" not in linux
    assert "rootfsPropagation" not in linux


def test_what_privileged_opens() -> None:
    linux = _render(HostConfig(privileged=True), seccomp={"defaultAction": "x"})["linux"]
    assert (linux["maskedPaths"], linux["readonlyPaths"]) == ([], [])
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "seccomp" not in linux
    assert "/dev/null" in [device["path"] for device in linux["devices"]]


def test_the_network_of_the_host_keeps_its_sysfs_and_switches() -> None:
    document = _render(netns_path=None)
    assert next(m for m in document["mounts"] if m["destination"] == "/sys")["type"] == "bind"
    assert document["linux"]["sysctl"] == {}


def test_namespaces_of_others() -> None:
    linux = _render(namespaces={"pid": "", "ipc": "/proc/7/ns/ipc", "cgroup": ""})["linux"]
    assert [n for n in linux["namespaces"] if n["type"] in ("pid", "ipc", "cgroup")] == [
        {"type": "ipc", "path": "/proc/7/ns/ipc"}]  # fmt: skip


def test_a_process_that_is_not_root_has_its_rights_as_a_bound_only() -> None:
    process = _render(capabilities=("CAP_KILL",), identity=Identity(5, 6, (6, 7)))["process"]
    assert process["capabilities"] == {"bounding": ["CAP_KILL"], "effective": [], "permitted": []}
    assert process["user"] == {"uid": 5, "gid": 6, "additionalGids": [6, 7], "umask": 0o22}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [((), False), (("no-new-privileges",), True), (("no-new-privileges:true",), True),
     (("no-new-privileges=false",), False), (("no-new-privileges", "no-new-privileges=0"), False)],
)  # fmt: skip
def test_no_new_privileges(options: tuple[str, ...], wanted: bool) -> None:
    assert spec.no_new_privileges(options) is wanted


def test_limits_of_a_process() -> None:
    host = HostConfig(ulimits=(Ulimit("nofile", 1, 2), Ulimit("core", -1, -1)), oom_score_adj=7)
    process = _render(host)["process"]
    assert process["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2},
        {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1},
    ]
    assert process["oomScoreAdj"] == 7


def test_limits_of_a_cgroup() -> None:
    host = HostConfig(
        memory_bytes=100, memory_reservation_bytes=50, memory_swappiness=0, oom_kill_disable=True,
        nano_cpus=1_500_000_000, cpu_shares=5, cpuset_cpus="0", cpuset_mems="0", cpu_realtime_runtime=9,
        pids_limit=3, blkio_weight=11,
        blkio_write_iops=(DeviceRate("/dev/null", 4),), blkio_weights=(DeviceRate("/dev/null", 12),),
        kernel_memory_tcp_bytes=6,
    )  # fmt: skip
    rendered = resources.render(host)
    del rendered["devices"]
    assert rendered == {
        "memory": {"limit": 100, "swap": 200, "reservation": 50, "swappiness": 0, "kernelTCP": 6,
                   "disableOOMKiller": True},
        "cpu": {"period": 100_000, "quota": 150_000, "shares": 5, "realtimeRuntime": 9, "cpus": "0", "mems": "0"},
        "pids": {"limit": 3},
        "blockIO": {"weight": 11, "weightDevice": [{"major": 1, "minor": 3, "weight": 12}],
                    "throttleWriteIOPSDevice": [{"major": 1, "minor": 3, "rate": 4}]},
    }  # fmt: skip
    assert resources.render(HostConfig(memory_bytes=100, memory_swap_bytes=-1))["memory"]["swap"] == -1
    assert "swap" not in resources.render(host, swap_limits=False)["memory"]


def test_devices() -> None:
    host = HostConfig(devices=(Device("/dev/null", "/dev/nothing", "r"),), device_cgroup_rules=("c 5:* rw", "a *:* m"))
    linux = _render(host)["linux"]
    (node,) = linux["devices"]
    assert (node["path"], node["type"], node["major"], node["minor"]) == ("/dev/nothing", "c", 1, 3)
    assert linux["resources"]["devices"][-3:] == [
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"},
        {"allow": True, "type": "c", "major": 5, "access": "rw"},
        {"allow": True, "type": "a", "access": "m"},
    ]
    with pytest.raises(InvalidParameter, match='custom device "/etc/passwd": not a device node'):
        _render(HostConfig(devices=(Device("/etc/passwd", "/x"),)))


def _bind(**given: Any) -> list[str]:
    mount = Mount(type="bind", source="/proc/self", target="/x", **given)
    (found,) = [m for m in mounts.render(HostConfig(), [mount], shm="", own_network=True) if m["destination"] == "/x"]
    return [word for word in found["options"] if word not in ("nosuid", "nodev", "noexec")]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, ["rbind", "rprivate"]),
        ({"propagation": "rslave"}, ["rbind", "rslave"]),
        ({"recursive": False}, ["bind", "private"]),
        ({"read_only": True}, ["rbind", "rprivate", "rro"]),
        ({"read_only": True, "read_only_below": ReadOnlyBelow.NEVER}, ["rbind", "rprivate", "ro"]),
        ({"read_only": True, "recursive": False}, ["bind", "private", "ro"]),
    ],
)
def test_binds(given: dict[str, Any], options: list[str]) -> None:
    assert _bind(**given) == options


def test_user_s_mounts_replace_the_standard_ones_and_go_from_the_top_down() -> None:
    own = (Mount(type="tmpfs", target="/a/b"), Mount(type="tmpfs", target="/dev"))
    document = _render(HostConfig(tmpfs={"/a": "size=1m"}, ipc_mode="none"), own_mounts=own)
    assert [mount["destination"] for mount in document["mounts"]] == [
        "/proc", "/sys", "/sys/fs/cgroup", "/dev", "/a", "/a/b"]  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [((), ""), (("rprivate",), ""), (("slave",), "rslave"), (("rslave", "shared"), "shared")],
)
def test_the_root_is_as_open_as_the_most_open_mount(kinds: tuple[str, ...], wanted: str) -> None:
    own = [Mount(type="bind", source="/", target="/x", propagation=kind) for kind in kinds]
    assert mounts.root_propagation(own) == wanted
