"""`/version` and `/info`: the engine's facts in everything that Docker's clients expect to find, by version."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fairlead
from fairlead.api import versions
from fairlead.api.schema import times
from fairlead.api.versions import Version
from fairlead.model.host import Facts, Features, Program
from fairlead.model.settings import Settings

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_NOBODY = Program("", "")


def version(programs: tuple[Program, ...], compatible_with: str) -> dict[str, Any]:
    common = {
        "ApiVersion": versions.text(versions.NEWEST),
        "MinAPIVersion": versions.text(versions.OLDEST),
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "KernelVersion": os.uname().release,
        "BuildTime": "",
    }
    engine = {"Name": "Engine", "Version": compatible_with, "Details": common | {"Experimental": "false"}}
    others = [
        {"Name": Path(program.path).name, "Version": program.version, "Details": {"GitCommit": program.commit}}
        for program in programs
    ]  # fmt: skip
    return {
        "Platform": {"Name": f"Fairlead {fairlead.__version__}"},
        "Components": [engine, *others],
        "Version": compatible_with,
        **common,
    }


def info(facts: Facts, compatible_with: str, version: Version) -> dict[str, Any]:
    settings = facts.settings
    value: dict[str, Any] = {
        "ID": facts.id,
        "Containers": facts.containers,
        "ContainersRunning": facts.running,
        "ContainersPaused": facts.paused,
        "ContainersStopped": facts.containers - facts.running - facts.paused,
        "Images": facts.images,
        "Driver": "overlay2",
        "DriverStatus": [list(row) for row in facts.storage],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "ipvlan", "macvlan", "null"],
            "Authorization": None,
            "Log": [*(["journald"] if facts.journald else []), "json-file", "local"],
        },
        **_limits(facts.features),
        "IPv4Forwarding": facts.ip_forwarding,
        "Debug": settings.debug,
        "NFd": facts.open_files,
        "NGoroutines": facts.tasks,
        "NEventsListener": facts.event_listeners,
        "SystemTime": times.render(datetime.now(UTC)),
        "LoggingDriver": settings.log_driver,
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": str(facts.features.cgroup_version),
        **_machine(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": _registries(settings, version),
        "GenericResources": None,
        "DockerRootDir": str(settings.data_root),
        "HttpProxy": os.environ.get("HTTP_PROXY", ""),
        "HttpsProxy": os.environ.get("HTTPS_PROXY", ""),
        "NoProxy": os.environ.get("NO_PROXY", ""),
        "Labels": list(settings.labels),
        "ExperimentalBuild": False,
        "ServerVersion": compatible_with,
        **_runtimes(facts.programs, version),
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": not settings.stop_containers_on_exit,
        "Isolation": "",
        "SecurityOptions": _security(facts.features, version),
        "DefaultAddressPools": [{"Base": str(pool.base), "Size": pool.size} for pool in settings.pools],
        "CDISpecDirs": [],
        "Warnings": list(_warnings(facts)) or None,
    }
    return value | _by_version(facts, version)


def _limits(features: Features) -> dict[str, bool]:
    return {
        "MemoryLimit": features.memory,
        "SwapLimit": features.swap,
        "CpuCfsPeriod": features.cpu_quota,
        "CpuCfsQuota": features.cpu_quota,
        "CPUShares": features.cpu_shares,
        "CPUSet": features.cpuset,
        "PidsLimit": features.pids,
        "OomKillDisable": features.oom_kill_disable,
    }


def _machine() -> dict[str, Any]:
    return {
        "KernelVersion": os.uname().release,
        "OperatingSystem": _operating_system(),
        "OSVersion": _release("VERSION_ID"),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "Name": os.uname().nodename,
    }


def _registries(settings: Settings, version: Version) -> dict[str, Any]:
    networks = [name for name in settings.insecure_registries if "/" in name]
    hosts = [name for name in settings.insecure_registries if "/" not in name]
    mirrors = [f"{url}/" for url in settings.registry_mirrors]
    indexes = {name: {"Name": name, "Mirrors": [], "Secure": False, "Official": False} for name in hosts}
    hub = {"Name": "docker.io", "Mirrors": mirrors, "Secure": True, "Official": True}
    value: dict[str, Any] = {
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", *networks],
        "IndexConfigs": {"docker.io": hub, **indexes},
        "Mirrors": mirrors,
    }
    if version < (1, 48):
        value |= {"AllowNondistributableArtifactsCIDRs": None, "AllowNondistributableArtifactsHostnames": None}
    return value


def _runtimes(programs: tuple[Program, ...], version: Version) -> dict[str, Any]:
    """crun does the work of runc, which is the name that clients know."""
    by_role = {program.role: program for program in programs}
    runtime, init = by_role.get("runtime", _NOBODY), by_role.get("init", _NOBODY)

    def commit(text: str) -> dict[str, str]:
        return {"ID": text, "Expected": text} if version < (1, 49) else {"ID": text}

    return {
        "Runtimes": {name: {"path": runtime.path} for name in ("runc", "crun", "io.containerd.runc.v2")},
        "DefaultRuntime": "runc",
        "InitBinary": Path(init.path).name,
        "ContainerdCommit": commit(""),
        "RuncCommit": commit(runtime.commit or runtime.version),
        "InitCommit": commit(init.commit or init.version),
    }  # fmt: skip


def _security(features: Features, version: Version) -> list[str]:
    if version < (1, 25):
        return ["seccomp"]
    return ["name=seccomp,profile=builtin", *(["name=cgroupns"] if features.cgroup_version == 2 else [])]


def _by_version(facts: Facts, version: Version) -> dict[str, Any]:
    """Members that came later, and those that went."""
    value: dict[str, Any] = {}
    if version < (1, 25):
        value["ExecutionDriver"] = "<not supported>"
    if version < (1, 42):
        value |= {"KernelMemory": False, "KernelMemoryTCP": facts.features.kernel_memory_tcp}
        value |= {"ClusterStore": "", "ClusterAdvertise": ""} if version < (1, 41) else {}
    if version >= (1, 49):
        value["FirewallBackend"] = {"Driver": "nftables"}
    if version < (1, 50):
        value |= {"BridgeNfIptables": False, "BridgeNfIp6tables": False}
    return value


def _warnings(facts: Facts) -> Iterator[str]:
    features = facts.features
    for there, what in (
        (features.memory, "memory limit"),
        (features.swap, "swap limit"),
        (features.oom_kill_disable or features.cgroup_version == 2, "oom kill disable"),
        (features.cpu_quota, "cpu cfs quota"),
        (features.cpu_quota, "cpu cfs period"),
        (features.cpu_shares, "cpu shares"),
        (features.cpuset, "cpuset"),
    ):
        if not there:
            yield f"WARNING: No {what} support"
    if not facts.ip_forwarding:
        yield "WARNING: IPv4 forwarding is disabled"


def _operating_system() -> str:
    return _release("PRETTY_NAME") or "Linux"


def _release(name: str) -> str:
    try:
        return platform.freedesktop_os_release().get(name, "")
    except OSError:
        return ""
