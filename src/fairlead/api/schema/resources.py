"""`Resources`: the members of `HostConfig` that limit a container, also the body of an update ⇄ model.HostConfig."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairlead.api.schema.fields import Fields
from fairlead.model.container import Device, DeviceRate, HostConfig, Ulimit


def parse(fields: Fields) -> HostConfig:
    swappiness = fields.optional_integer("MemorySwappiness")
    return HostConfig(
        devices=tuple(_parse_device(item) for item in fields.children("Devices")),
        device_cgroup_rules=fields.texts("DeviceCgroupRules"),
        ulimits=tuple(
            Ulimit(item.text("Name"), item.integer("Soft"), item.integer("Hard")) for item in fields.children("Ulimits")
        ),
        shm_size_bytes=fields.integer("ShmSize"),
        cgroup_parent=fields.text("CgroupParent"),
        memory_bytes=fields.integer("Memory"),
        memory_reservation_bytes=fields.integer("MemoryReservation"),
        memory_swap_bytes=fields.integer("MemorySwap"),
        memory_swappiness=None if swappiness == -1 else swappiness,
        kernel_memory_tcp_bytes=fields.integer("KernelMemoryTCP"),
        nano_cpus=fields.integer("NanoCpus"),
        cpu_shares=fields.integer("CpuShares"),
        cpu_period=fields.integer("CpuPeriod"),
        cpu_quota=fields.integer("CpuQuota"),
        cpu_realtime_period=fields.integer("CpuRealtimePeriod"),
        cpu_realtime_runtime=fields.integer("CpuRealtimeRuntime"),
        cpuset_cpus=fields.text("CpusetCpus"),
        cpuset_mems=fields.text("CpusetMems"),
        blkio_weight=fields.integer("BlkioWeight"),
        blkio_weights=_parse_rates(fields, "BlkioWeightDevice", "Weight"),
        blkio_read_bps=_parse_rates(fields, "BlkioDeviceReadBps"),
        blkio_write_bps=_parse_rates(fields, "BlkioDeviceWriteBps"),
        blkio_read_iops=_parse_rates(fields, "BlkioDeviceReadIOps"),
        blkio_write_iops=_parse_rates(fields, "BlkioDeviceWriteIOps"),
        pids_limit=max(fields.integer("PidsLimit"), 0),
        oom_kill_disable=fields.optional_flag("OomKillDisable"),
    )


def _parse_device(fields: Fields) -> Device:
    path = fields.text("PathOnHost")
    return Device(path, fields.text("PathInContainer") or path, fields.text("CgroupPermissions") or "rwm")


def _parse_rates(fields: Fields, name: str, member: str = "Rate") -> tuple[DeviceRate, ...]:
    return tuple(DeviceRate(item.text("Path"), item.integer(member)) for item in fields.children(name))


def render(host: HostConfig) -> dict[str, Any]:
    return {
        "CpuShares": host.cpu_shares,
        "Memory": host.memory_bytes,
        "NanoCpus": host.nano_cpus,
        "CgroupParent": host.cgroup_parent,
        "BlkioWeight": host.blkio_weight,
        "BlkioWeightDevice": _render_rates(host.blkio_weights, "Weight"),
        "BlkioDeviceReadBps": _render_rates(host.blkio_read_bps),
        "BlkioDeviceWriteBps": _render_rates(host.blkio_write_bps),
        "BlkioDeviceReadIOps": _render_rates(host.blkio_read_iops),
        "BlkioDeviceWriteIOps": _render_rates(host.blkio_write_iops),
        "CpuPeriod": host.cpu_period,
        "CpuQuota": host.cpu_quota,
        "CpuRealtimePeriod": host.cpu_realtime_period,
        "CpuRealtimeRuntime": host.cpu_realtime_runtime,
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
        "DeviceRequests": None,
        "MemoryReservation": host.memory_reservation_bytes,
        "MemorySwap": host.memory_swap_bytes,
        "MemorySwappiness": host.memory_swappiness,
        "OomKillDisable": host.oom_kill_disable,
        "PidsLimit": host.pids_limit or None,
        "Ulimits": [{"Name": item.name, "Soft": item.soft, "Hard": item.hard} for item in host.ulimits],
        # Windows' own.
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    } | ({"KernelMemoryTCP": host.kernel_memory_tcp_bytes} if host.kernel_memory_tcp_bytes else {})


def _render_rates(rates: Sequence[DeviceRate], member: str = "Rate") -> list[dict[str, Any]]:
    return [{"Path": rate.path, member: rate.rate} for rate in rates]
