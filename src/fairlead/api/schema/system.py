"""`/version`, `/info` and `/system/df`: the engine's facts laid over everything Docker's clients expect to find."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

import fairlead
from fairlead.api import versions
from fairlead.model.settings import Settings

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def version(facts: Mapping[str, Any], compatible_with: str) -> dict[str, Any]:
    """Facts of the engine win over what is said here."""
    kernel, api = os.uname().release, versions.text(versions.NEWEST)
    minimum = versions.text(versions.OLDEST)
    arch = _ARCHITECTURES.get(platform.machine(), platform.machine())
    details = {
        "ApiVersion": api,
        "Arch": arch,
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": "",
        "KernelVersion": kernel,
        "MinAPIVersion": minimum,
        "Os": "linux",
    }
    value = {
        "Platform": {"Name": f"Fairlead {fairlead.__version__}"},
        "Components": [{"Name": "Engine", "Version": compatible_with, "Details": details}],
        "Version": compatible_with,
        "ApiVersion": api,
        "MinAPIVersion": minimum,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": arch,
        "KernelVersion": kernel,
        "BuildTime": "",
    }
    merged = value | dict(facts)
    if "Components" in facts:
        merged["Components"] = [*value["Components"], *facts["Components"]]
    return merged


def info(facts: Mapping[str, Any], settings: Settings, compatible_with: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "ID": settings.instance,
        "Containers": 0,
        "ContainersRunning": 0,
        "ContainersPaused": 0,
        "ContainersStopped": 0,
        "Images": 0,
        "Driver": "overlay2",
        "DriverStatus": [["Supports d_type", "true"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": ["json-file", "none"],
        },
        "MemoryLimit": True,
        "SwapLimit": True,
        "CpuCfsPeriod": True,
        "CpuCfsQuota": True,
        "CPUShares": True,
        "CPUSet": True,
        "PidsLimit": True,
        "IPv4Forwarding": True,
        "Debug": settings.debug,
        "NFd": 0,
        "OomKillDisable": True,
        "NGoroutines": 1,
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "1",  # noqa: PTH110
        "NEventsListener": 0,
        "KernelVersion": os.uname().release,
        "OperatingSystem": _operating_system(),
        "OSVersion": "",
        "OSType": "linux",
        "Architecture": platform.machine(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
            "IndexConfigs": {"docker.io": {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}},
            "Mirrors": [],
        },
        "NCPU": os.cpu_count() or 1,
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "GenericResources": None,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": os.uname().nodename,
        "ExperimentalBuild": False,
        "ServerVersion": compatible_with,
        "SystemTime": "",
    }
    return value | _info_tail(settings) | dict(facts)


def _info_tail(settings: Settings) -> dict[str, Any]:
    return {
        "DockerRootDir": str(settings.data_root),
        "Labels": list(settings.labels),
        "Runtimes": {"runc": {"path": "crun"}, "crun": {"path": "crun"}},
        "DefaultRuntime": "runc",
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": "docker-init",
        "ContainerdCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""},
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "DefaultAddressPools": [{"Base": str(pool.base), "Size": pool.size} for pool in settings.pools],
        "FirewallBackend": {"Driver": "nftables"},
        "CDISpecDirs": [],
        "Warnings": None,
    }


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
