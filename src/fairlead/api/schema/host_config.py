"""Docker's `HostConfig` (what the host gives a container) ⇄ model.HostConfig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fairlead.api.schema import ports
from fairlead.api.schema.fields import Fields
from fairlead.model.container import Device, HostConfig, LogConfig, Mount, RestartPolicy, Ulimit

DEFAULT_SHM_BYTES = 64 * 1024 * 1024

_ECHOED: dict[str, Any] = {
    "VolumeDriver": "",
    "Cgroup": "",
    "Isolation": "",
    "BlkioWeightDevice": [],
    "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [],
    "BlkioDeviceReadIOps": [],
    "BlkioDeviceWriteIOps": [],
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "DeviceRequests": None,
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
}
"""Accepted and told again by inspect, without an effect: name → Docker's empty value."""

_ECHOED_IF_GIVEN = ("StorageOpt", "KernelMemory", "KernelMemoryTCP")


def parse(fields: Fields) -> HostConfig:
    mode = fields.text("NetworkMode")
    return replace(
        _parse_isolation(fields, _parse_resources(fields)),
        binds=fields.texts("Binds"),
        mounts=tuple(_parse_mount(item) for item in fields.children("Mounts")),
        tmpfs=fields.text_mapping("Tmpfs"),
        volumes_from=fields.texts("VolumesFrom"),
        container_id_file=fields.text("ContainerIDFile"),
        network_mode="bridge" if mode in ("", "default") else mode,
        port_bindings=ports.parse_bindings(fields.mapping("PortBindings")),
        publish_all_ports=fields.flag("PublishAllPorts"),
        links=fields.texts("Links"),
        extra_hosts=fields.texts("ExtraHosts"),
        dns=fields.texts("Dns"),
        dns_options=fields.texts("DnsOptions"),
        dns_search=fields.texts("DnsSearch"),
        restart_policy=_parse_restart(fields.child("RestartPolicy")),
        auto_remove=fields.flag("AutoRemove"),
        log_config=_parse_log(fields.child("LogConfig")),
        init=fields.optional_flag("Init"),
        runtime=fields.text("Runtime") or "runc",
        annotations=fields.text_mapping("Annotations"),
        console_size=fields.pair("ConsoleSize") or (0, 0),
        raw={name: value for name in (*_ECHOED, *_ECHOED_IF_GIVEN) if (value := fields.get(name))},
    )


def _parse_isolation(fields: Fields, host: HostConfig) -> HostConfig:
    return replace(
        host,
        privileged=fields.flag("Privileged"),
        cap_add=fields.texts("CapAdd"),
        cap_drop=fields.texts("CapDrop"),
        security_opt=fields.texts("SecurityOpt"),
        read_only_rootfs=fields.flag("ReadonlyRootfs"),
        group_add=fields.texts("GroupAdd"),
        sysctls=fields.text_mapping("Sysctls"),
        ipc_mode=fields.text("IpcMode") or "private",
        pid_mode=fields.text("PidMode"),
        uts_mode=fields.text("UTSMode"),
        userns_mode=fields.text("UsernsMode"),
        cgroupns_mode=fields.text("CgroupnsMode"),
        masked_paths=fields.optional_texts("MaskedPaths"),
        readonly_paths=fields.optional_texts("ReadonlyPaths"),
    )


def _parse_resources(fields: Fields) -> HostConfig:
    swappiness = fields.optional_integer("MemorySwappiness")
    return HostConfig(
        devices=tuple(_parse_device(item) for item in fields.children("Devices")),
        device_cgroup_rules=fields.texts("DeviceCgroupRules"),
        ulimits=tuple(
            Ulimit(item.text("Name"), item.integer("Soft"), item.integer("Hard")) for item in fields.children("Ulimits")
        ),
        shm_size_bytes=fields.integer("ShmSize") or DEFAULT_SHM_BYTES,
        cgroup_parent=fields.text("CgroupParent"),
        memory_bytes=fields.integer("Memory"),
        memory_reservation_bytes=fields.integer("MemoryReservation"),
        memory_swap_bytes=fields.integer("MemorySwap"),
        memory_swappiness=None if swappiness == -1 else swappiness,
        nano_cpus=fields.integer("NanoCpus"),
        cpu_shares=fields.integer("CpuShares"),
        cpu_period=fields.integer("CpuPeriod"),
        cpu_quota=fields.integer("CpuQuota"),
        cpuset_cpus=fields.text("CpusetCpus"),
        cpuset_mems=fields.text("CpusetMems"),
        blkio_weight=fields.integer("BlkioWeight"),
        pids_limit=fields.integer("PidsLimit"),
        oom_kill_disable=fields.flag("OomKillDisable"),
        oom_score_adj=fields.integer("OomScoreAdj"),
    )


def _parse_restart(fields: Fields | None) -> RestartPolicy:
    if fields is None:
        return RestartPolicy()
    return RestartPolicy(fields.text("Name") or "no", fields.integer("MaximumRetryCount"))


def _parse_log(fields: Fields | None) -> LogConfig:
    if fields is None:
        return LogConfig()
    return LogConfig(fields.text("Type") or "json-file", fields.text_mapping("Config"))


def _parse_device(fields: Fields) -> Device:
    path = fields.text("PathOnHost")
    return Device(path, fields.text("PathInContainer") or path, fields.text("CgroupPermissions") or "rwm")


def _parse_mount(fields: Fields) -> Mount:
    kind, source = fields.text("Type"), fields.text("Source")
    bind, volume, tmpfs = fields.child("BindOptions"), fields.child("VolumeOptions"), fields.child("TmpfsOptions")
    return Mount(
        type=kind,
        target=fields.text("Target"),
        source="" if kind == "volume" else source,
        name=source if kind == "volume" else "",
        read_only=fields.flag("ReadOnly"),
        propagation=bind.text("Propagation") if bind else "",
        copy_up=not (volume.flag("NoCopy") if volume else False),
        anonymous=kind == "volume" and not source,
        size_bytes=tmpfs.integer("SizeBytes") if tmpfs else 0,
        mode=tmpfs.optional_integer("Mode") if tmpfs else None,
    )


def render(host: HostConfig, links: Sequence[str]) -> dict[str, Any]:
    """The JSON of inspect. `links` are the live ones, `/db:/web/db`."""
    value: dict[str, Any] = {
        "Binds": list(host.binds) or None,
        "ContainerIDFile": host.container_id_file,
        "LogConfig": {"Type": host.log_config.type, "Config": dict(host.log_config.options)},
        "NetworkMode": host.network_mode,
        "PortBindings": ports.render_bindings(host.port_bindings),
        "RestartPolicy": {
            "Name": host.restart_policy.name,
            "MaximumRetryCount": host.restart_policy.maximum_retry_count,
        },
        "AutoRemove": host.auto_remove,
        "VolumesFrom": list(host.volumes_from) or None,
        "ConsoleSize": list(host.console_size),
        "CapAdd": list(host.cap_add) or None,
        "CapDrop": list(host.cap_drop) or None,
        "CgroupnsMode": host.cgroupns_mode,
        "Dns": list(host.dns),
        "DnsOptions": list(host.dns_options),
        "DnsSearch": list(host.dns_search),
        "ExtraHosts": list(host.extra_hosts) or None,
        "GroupAdd": list(host.group_add) or None,
        "IpcMode": host.ipc_mode,
        "Links": list(links) or None,
        "OomScoreAdj": host.oom_score_adj,
        "PidMode": host.pid_mode,
        "Privileged": host.privileged,
        "PublishAllPorts": host.publish_all_ports,
        "ReadonlyRootfs": host.read_only_rootfs,
        "SecurityOpt": list(host.security_opt) or None,
        "UTSMode": host.uts_mode,
        "UsernsMode": host.userns_mode,
        "ShmSize": host.shm_size_bytes,
        "Runtime": host.runtime,
        "MaskedPaths": list(MASKED_PATHS if host.masked_paths is None else host.masked_paths),
        "ReadonlyPaths": list(READONLY_PATHS if host.readonly_paths is None else host.readonly_paths),
    }
    if host.privileged:
        value["MaskedPaths"] = value["ReadonlyPaths"] = None
    return value | render_resources(host) | _render_optional(host) | _ECHOED | dict(host.raw)


def render_resources(host: HostConfig) -> dict[str, Any]:
    return {
        "CpuShares": host.cpu_shares,
        "Memory": host.memory_bytes,
        "NanoCpus": host.nano_cpus,
        "CgroupParent": host.cgroup_parent,
        "BlkioWeight": host.blkio_weight,
        "CpuPeriod": host.cpu_period,
        "CpuQuota": host.cpu_quota,
        "CpusetCpus": host.cpuset_cpus,
        "CpusetMems": host.cpuset_mems,
        "Devices": [
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.container_path,
                "CgroupPermissions": device.permissions,
            }
            for device in host.devices
        ],
        "DeviceCgroupRules": list(host.device_cgroup_rules) or None,
        "MemoryReservation": host.memory_reservation_bytes,
        "MemorySwap": host.memory_swap_bytes,
        "MemorySwappiness": host.memory_swappiness,
        "OomKillDisable": host.oom_kill_disable,
        "PidsLimit": host.pids_limit or None,
        "Ulimits": [{"Name": item.name, "Soft": item.soft, "Hard": item.hard} for item in host.ulimits],
    }


def _render_optional(host: HostConfig) -> dict[str, Any]:
    """Members that Docker omits when empty."""
    members: dict[str, Any] = {
        "Tmpfs": dict(host.tmpfs),
        "Sysctls": dict(host.sysctls),
        "Annotations": dict(host.annotations),
        "Mounts": [_render_mount(mount) for mount in host.mounts],
    }
    value = {name: member for name, member in members.items() if member}
    if host.init is not None:
        value["Init"] = host.init
    return value


def _render_mount(mount: Mount) -> dict[str, Any]:
    value: dict[str, Any] = {"Type": mount.type, "Source": mount.source or mount.name, "Target": mount.target}
    if not value["Source"]:
        del value["Source"]
    if mount.read_only:
        value["ReadOnly"] = True
    if mount.propagation:
        value["BindOptions"] = {"Propagation": mount.propagation}
    if mount.type == "volume" and not mount.copy_up:
        value["VolumeOptions"] = {"NoCopy": True}
    if mount.size_bytes or mount.mode is not None:
        tmpfs = {"SizeBytes": mount.size_bytes, "Mode": mount.mode}
        value["TmpfsOptions"] = {name: member for name, member in tmpfs.items() if member}
    return value


MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
