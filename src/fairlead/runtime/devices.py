"""Device nodes of a container, and the rules of its device cgroup."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any

from fairlead.errors import InvalidParameter
from fairlead.model.container import Device, HostConfig
from fairlead.runtime import defaults

Json = dict[str, Any]
_NOT_SHARED = ("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev")
"""Directories of the host's /dev that a container has of its own (runc, devices.HostDevices)."""


def nodes(host: HostConfig) -> list[Json]:
    """`linux.devices`: of a privileged container everything that the host has."""
    if host.privileged:
        found = {node["path"]: node for path in _walk("/dev") if (node := _node(path, path)) is not None}
        found.pop("/dev/console", None)
        found |= {node["path"]: node for device in host.devices for node in _given(device)}
        return list(found.values())
    return [node for device in host.devices for node in _given(device)]


def rules(host: HostConfig) -> list[Json]:
    """`linux.resources.devices`."""
    if host.privileged:
        return [{"allow": True, "access": "rwm"}]
    out: list[Json] = list(defaults.device_rules())
    for device in host.devices:
        out += [
            {"allow": True, "type": node["type"], "major": node["major"], "minor": node["minor"],
             "access": device.permissions}
            for node in _given(device)
        ]  # fmt: skip
    return out + [_rule(text) for text in host.device_cgroup_rules]


def _rule(text: str) -> Json:
    """`c 42:* rmw`, checked before."""
    kind, numbers, access = text.split()
    major, _, minor = numbers.partition(":")
    rule: Json = {"allow": True, "type": kind, "access": access}
    rule |= {} if major == "*" else {"major": int(major)}
    return rule | ({} if minor == "*" else {"minor": int(minor)})


def number(path: str) -> tuple[int, int]:
    """Major and minor of a block device's path."""
    try:
        info = os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise InvalidParameter(f"stat {path}: {(error.strerror or '').lower()}") from error
    return os.major(info.st_rdev), os.minor(info.st_rdev)


def _given(device: Device) -> list[Json]:
    """A device that was asked for; of a directory, all that are in it."""
    source, target = device.host_path, device.container_path
    try:
        directory = stat.S_ISDIR(os.stat(source).st_mode)  # noqa: PTH116
    except OSError as error:
        raise _no_device(source, (error.strerror or "").lower()) from error
    if directory:
        paths = [(path, target + path[len(source.rstrip("/")) :]) for path in _walk(source)]
        found = [node for path, inside in paths if (node := _node(path, inside)) is not None]
    else:
        found = [node] if (node := _node(source, target)) is not None else []
    if not found:
        raise _no_device(source, "not a device node")
    return found


def _no_device(path: str, why: str) -> InvalidParameter:
    return InvalidParameter(f'error gathering device information while adding custom device "{path}": {why}')


def _walk(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NOT_SHARED:
                    yield from _walk(entry.path)
            elif not entry.is_symlink():
                yield entry.path


def _node(source: str, target: str) -> Json | None:
    """None if it is no device."""
    info = os.stat(source)  # noqa: PTH116
    if not (stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode)):
        return None
    return {
        "path": target, "type": "b" if stat.S_ISBLK(info.st_mode) else "c",
        "major": os.major(info.st_rdev), "minor": os.minor(info.st_rdev),
        "fileMode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid,
    }  # fmt: skip
