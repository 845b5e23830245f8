"""A whole container: create bodies in; inspect, list entries and wait results out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fairlead.api.schema import config, host_config, limits, networking, times, unsupported, validation
from fairlead.api.schema.fields import Fields
from fairlead.api.versions import NEWEST, Version
from fairlead.errors import InvalidParameter
from fairlead.model.container import Container, HostConfig, Mount, Status
from fairlead.model.request import ContainerView, CreateRequest, CreateResult, ExitResult, Health


def parse_create(body: Mapping[str, Any], *, name: str, platform: str, version: Version = NEWEST) -> CreateRequest:
    """The body of POST /containers/create, valid as far as can be said without looking at the engine."""
    if not body:
        raise InvalidParameter("config cannot be empty in order to create a container")
    fields = Fields(body, "CreateRequest")
    host_fields = fields.child("HostConfig")
    host = host_config.parse(host_fields or Fields({}, "HostConfig"), version)
    endpoints = networking.parse_networking(fields.child("NetworkingConfig"))
    if version < (1, 44) and len(endpoints) > 1:
        raise InvalidParameter(f"Container cannot be created with multiple network endpoints: {', '.join(endpoints)}")
    request = CreateRequest(
        name=name or None,
        config=config.parse(fields, version),
        host_config=host,
        endpoints=endpoints,
        platform=platform,
        remarks=unsupported.remarks(fields, host_fields, version),
    )
    validation.check(request)
    return request


def render_created(result: CreateResult) -> dict[str, Any]:
    return {"Id": result.id, "Warnings": list(result.warnings)}


def render_exit(result: ExitResult) -> dict[str, Any]:
    value: dict[str, Any] = {"StatusCode": result.status_code}
    if result.error:
        value["Error"] = {"Message": result.error}
    return value


def parse_update(body: Mapping[str, Any], current: HostConfig) -> HostConfig:
    """`current` with the members of an update body that are given and not zero (but no limit of processes is one)."""
    fields = Fields(body, "UpdateConfig")
    wanted = host_config.parse(fields)
    limits.check(wanted, update=True)
    changes = {name: value for name in _UPDATABLE if (value := getattr(wanted, name))}
    if fields.optional_integer("PidsLimit") is not None:
        changes["pids_limit"] = wanted.pids_limit
    if body.get("RestartPolicy") and body["RestartPolicy"].get("Name"):
        changes["restart_policy"] = wanted.restart_policy
    host = dataclasses.replace(current, **changes)
    validation.check_restart_policy(dataclasses.replace(host, auto_remove=False))  # of both: engine/admission.py
    return host


_UPDATABLE = (
    "blkio_weight",
    "cpu_shares",
    "cpu_period",
    "cpu_quota",
    "cpu_realtime_period",
    "cpu_realtime_runtime",
    "cpuset_cpus",
    "cpuset_mems",
    "memory_bytes",
    "memory_reservation_bytes",
    "memory_swap_bytes",
    "nano_cpus",
)


def render_inspect(view: ContainerView, version: Version) -> dict[str, Any]:
    container = view.container
    value: dict[str, Any] = {
        "Id": container.id,
        "Created": times.render(container.created),
        "Path": container.path,
        "Args": list(container.args),
        "State": _render_state(view),
        "Image": container.image_id,
        "ResolvConfPath": view.resolv_conf_path,
        "HostnamePath": view.hostname_path,
        "HostsPath": view.hosts_path,
        "LogPath": view.log_path,
        "Name": "/" + container.name,
        "RestartCount": container.state.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(view.exec_ids) or None,
        "HostConfig": host_config.render(container.host_config, view.links),
        "GraphDriver": {"Data": dict(view.graph) or None, "Name": "overlay2"},
    }
    if view.size_rw_bytes is not None:
        value |= {"SizeRw": view.size_rw_bytes, "SizeRootFs": view.size_root_bytes}
    value |= {
        "Mounts": [_render_mount(mount) for mount in _mount_points(container)],
        "Config": config.render(container.config),
        "NetworkSettings": networking.render_settings(view, version),
    }
    return value


def _render_state(view: ContainerView) -> dict[str, Any]:
    state = view.container.state
    value: dict[str, Any] = {
        "Status": state.status.value,
        "Running": state.status.running,
        "Paused": state.status is Status.PAUSED,
        "Restarting": state.status is Status.RESTARTING,
        "OOMKilled": state.oom_killed,
        "Dead": state.status is Status.DEAD,
        "Pid": state.pid if state.status.running else 0,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": times.render(state.started_at),
        "FinishedAt": times.render(state.finished_at),
    }
    if view.health is not None:
        value["Health"] = _render_health(view.health)
    return value


def _render_health(health: Health) -> dict[str, Any]:
    return {
        "Status": health.status,
        "FailingStreak": health.failures,
        "Log": [
            {
                "Start": times.render(probe.start),
                "End": times.render(probe.end),
                "ExitCode": probe.exit_code,
                "Output": probe.output,
            }
            for probe in health.log
        ],
    }


def _mount_points(container: Container) -> list[Mount]:
    """All but the tmpfs mounts of `--tmpfs`, which Docker tells under HostConfig only."""
    return [mount for mount in container.mounts if mount.target not in container.host_config.tmpfs]


def _render_mount(mount: Mount) -> dict[str, Any]:
    value: dict[str, Any] = {"Type": mount.type}
    if mount.type == "volume":
        value["Name"] = mount.name
    value |= {"Source": mount.source, "Destination": mount.target}
    if mount.type == "volume":
        value["Driver"] = "local"
    bind_default = "rprivate" if mount.type == "bind" else ""
    return value | {
        "Mode": mount.options,
        "RW": not mount.read_only,
        "Propagation": mount.propagation or bind_default,
    }


def render_summary(view: ContainerView, version: Version, now: datetime) -> dict[str, Any]:
    """One entry of /containers/json."""
    container = view.container
    value: dict[str, Any] = {
        "Id": container.id,
        "Names": list(view.names),
        "Image": view.image or container.image,
        "ImageID": container.image_id,
        "Command": command(container),
        "Created": int(container.created.timestamp()),
        "Ports": networking.render_summary_ports(view),
    }
    if view.size_rw_bytes is not None:
        value |= {"SizeRw": view.size_rw_bytes, "SizeRootFs": view.size_root_bytes}
    host: dict[str, Any] = {"NetworkMode": container.host_config.network_mode}
    if container.host_config.annotations:
        host["Annotations"] = dict(container.host_config.annotations)
    return value | {
        "Labels": dict(container.config.labels),
        "State": container.state.status.value,
        "Status": status_text(view, now),
        "HostConfig": host,
        "NetworkSettings": {"Networks": networking.render_endpoints(container, version)},
        "Mounts": [_render_mount(mount) for mount in _mount_points(container)],
    }


def command(container: Container) -> str:
    return " ".join([container.path, *(f"'{arg}'" if " " in arg else arg for arg in container.args)])


def status_text(view: ContainerView, now: datetime) -> str:
    """`Up 2 seconds`, `Exited (0) 3 minutes ago`: the STATUS column, made by the server."""
    state = view.container.state
    started = _since(state.started_at, now)
    match state.status:
        case Status.CREATED:
            return "Created"
        case Status.REMOVING:
            return "Removal In Progress"
        case Status.DEAD:
            return "Dead"
        case Status.PAUSED:
            return f"Up {started} (Paused)"
        case Status.RESTARTING:
            return f"Restarting ({state.exit_code}) {_since(state.finished_at, now)} ago"
        case Status.RUNNING:
            if view.health is None:
                return f"Up {started}"
            return f"Up {started} ({'health: starting' if view.health.status == 'starting' else view.health.status})"
    if state.finished_at is None:
        return "Created" if state.started_at is None else ""
    return f"Exited ({state.exit_code}) {_since(state.finished_at, now)} ago"


def _since(moment: datetime | None, now: datetime) -> str:
    return times.duration((now - (moment or now)).total_seconds())


def now() -> datetime:
    return datetime.now(UTC)
