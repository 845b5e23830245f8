"""Docker's `HostConfig` (what the host gives a container) ⇄ model.HostConfig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fairlead.api.schema import mounts, ports, resources, unsupported
from fairlead.api.schema.fields import Fields
from fairlead.api.versions import NEWEST, Version
from fairlead.model.container import HostConfig, LogConfig, RestartPolicy


def parse(fields: Fields, version: Version = NEWEST) -> HostConfig:
    mode = fields.text("NetworkMode")
    unsupported.refuse(fields)
    return replace(
        _parse_isolation(fields, resources.parse(fields), version),
        binds=fields.texts("Binds"),
        mounts=tuple(mounts.parse(item, version) for item in fields.children("Mounts")),
        tmpfs=fields.text_mapping("Tmpfs"),
        volumes_from=fields.texts("VolumesFrom"),
        volume_driver=fields.text("VolumeDriver"),
        storage_options=fields.text_mapping("StorageOpt"),
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
        # Clients of older versions remove the container themselves.
        auto_remove=fields.flag("AutoRemove") and version >= (1, 25),
        log_config=_parse_log(fields.child("LogConfig")),
        init=fields.optional_flag("Init"),
        runtime=fields.text("Runtime") or "runc",
        isolation=fields.text("Isolation"),
        annotations=fields.text_mapping("Annotations") if version >= (1, 43) else {},
        console_size=fields.pair("ConsoleSize") or (0, 0),
    )


def _parse_isolation(fields: Fields, host: HostConfig, version: Version) -> HostConfig:
    return replace(
        host,
        privileged=fields.flag("Privileged"),
        cap_add=fields.texts("CapAdd"),
        cap_drop=fields.texts("CapDrop"),
        security_opt=fields.texts("SecurityOpt"),
        read_only_rootfs=fields.flag("ReadonlyRootfs"),
        group_add=fields.texts("GroupAdd"),
        oom_score_adj=fields.integer("OomScoreAdj"),
        sysctls=fields.text_mapping("Sysctls"),
        ipc_mode=fields.text("IpcMode") or ("" if version >= (1, 40) else "shareable"),
        pid_mode=fields.text("PidMode"),
        uts_mode=fields.text("UTSMode"),
        userns_mode=fields.text("UsernsMode"),
        cgroupns_mode=fields.text("CgroupnsMode") or ("" if version >= (1, 41) else "host"),
        masked_paths=fields.optional_texts("MaskedPaths"),
        readonly_paths=fields.optional_texts("ReadonlyPaths"),
    )


def _parse_restart(fields: Fields | None) -> RestartPolicy:
    if fields is None:
        return RestartPolicy()
    return RestartPolicy(fields.text("Name") or "no", fields.integer("MaximumRetryCount"))


def _parse_log(fields: Fields | None) -> LogConfig:
    if fields is None:
        return LogConfig("")
    return LogConfig(fields.text("Type"), fields.text_mapping("Config"))


def render(host: HostConfig, links: Sequence[str]) -> dict[str, Any]:
    """The JSON of inspect. `links` are the live ones, `/db:/web/db`."""
    value: dict[str, Any] = {
        "Binds": list(host.binds) or None,
        "ContainerIDFile": host.container_id_file,
        "VolumeDriver": host.volume_driver,
        "Cgroup": "",
        "Isolation": host.isolation,
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
    return value | resources.render(host) | _render_optional(host)


def _render_optional(host: HostConfig) -> dict[str, Any]:
    """Members that Docker omits when empty."""
    members: dict[str, Any] = {
        "Tmpfs": dict(host.tmpfs),
        "Sysctls": dict(host.sysctls),
        "Annotations": dict(host.annotations),
        "Mounts": [mounts.render(mount) for mount in host.mounts],
        "StorageOpt": dict(host.storage_options),
    }
    value = {name: member for name, member in members.items() if member}
    if host.init is not None:
        value["Init"] = host.init
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
