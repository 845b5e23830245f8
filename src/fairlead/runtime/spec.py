"""The OCI runtime spec (config.json) of a container, from model values. Pure; Docker's defaults throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead.errors import InvalidParameter
from fairlead.model.container import Container, HostConfig, Mount
from fairlead.runtime import defaults
from fairlead.runtime.users import ROOT_IDENTITY, Identity

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecInput:
    """All that decides a spec. `namespaces` gives paths for kinds joined from elsewhere, '' for the host's own."""

    container: Container
    env: Sequence[str]
    root: Path
    netns_path: str | None
    """None = the host's network."""
    mounts: Sequence[Mount] = ()
    """Besides the container's own: hosts, hostname, resolv.conf."""
    hostname: str = ""
    domainname: str = ""
    identity: Identity = ROOT_IDENTITY
    cgroup_path: str = ""
    cgroup_v2: bool = False
    swap_limits: bool = True
    capabilities: Sequence[str] = ()
    seccomp: Json | None = None
    seccomp_annotation: tuple[str, str] | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)
    init_path: str = ""


def capabilities(host_config: HostConfig, available: frozenset[str]) -> tuple[str, ...]:
    """Docker's capability arithmetic: default + add − drop; ALL on either side; never more than the host has."""
    add = {_capability(name) for name in host_config.cap_add}
    drop = {_capability(name) for name in host_config.cap_drop}
    if host_config.privileged:
        return tuple(cap for cap in defaults.ALL_CAPABILITIES if cap in available)
    if "ALL" in add:
        have = set(available)
    elif "ALL" in drop:
        have = set()
    else:
        have = set(defaults.DEFAULT_CAPABILITIES)
    have |= add - {"ALL"}
    have -= drop
    return tuple(cap for cap in defaults.ALL_CAPABILITIES if cap in have & available)


def _capability(name: str) -> str:
    upper = name.upper()
    if upper == "ALL":
        return upper
    full = upper if upper.startswith("CAP_") else f"CAP_{upper}"
    if full not in defaults.ALL_CAPABILITIES:
        raise InvalidParameter(f'invalid capability: "{name}"')
    return full


def render(given: SpecInput) -> Json:
    """The whole document."""
    container = given.container
    host = container.host_config
    document: Json = {
        "ociVersion": "1.0.2",
        "process": _process(given),
        "root": {"path": str(given.root), "readonly": host.read_only_rootfs},
        "mounts": _mounts(given),
        "linux": _linux(given),
        "annotations": dict(host.annotations),
    }
    if "uts" not in given.namespaces:
        document["hostname"] = given.hostname
        if given.domainname:
            document["domainname"] = given.domainname
    if given.seccomp_annotation:
        name, value = given.seccomp_annotation
        document["annotations"][name] = value
    return document


def _process(given: SpecInput) -> Json:
    container, who = given.container, given.identity
    config, host = container.config, container.host_config
    args = [container.path, *container.args]
    if given.init_path:
        args = ["/sbin/docker-init", "--", *args]
    process: Json = {
        "terminal": config.tty,
        "args": args,
        "env": list(given.env),
        "cwd": config.working_dir or "/",
        "user": {"uid": who.uid, "gid": who.gid, "additionalGids": list(who.groups), "umask": 0o22},
        "noNewPrivileges": _no_new_privileges(host.security_opt),
        "oomScoreAdj": host.oom_score_adj,
        "rlimits": [
            {"type": f"RLIMIT_{limit.name.upper()}", "soft": limit.soft, "hard": limit.hard} for limit in host.ulimits
        ],
        "capabilities": process_capabilities(given.capabilities, who),
    }
    if config.tty and any(host.console_size):
        process["consoleSize"] = {"height": host.console_size[0], "width": host.console_size[1]}
    if not host.oom_score_adj:
        del process["oomScoreAdj"]
    return process


def process_capabilities(caps: Sequence[str], who: Identity) -> Json:
    """Root gets the set at once; another user only as bounding set, for programs that carry file capabilities."""
    active = list(caps) if who.uid == 0 else []
    return {"bounding": list(caps), "effective": active, "permitted": active}


def _no_new_privileges(options: Sequence[str]) -> bool:
    return any(
        option in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true") for option in options
    )


_STANDARD_MOUNTS: tuple[Json, ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
     "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
)  # fmt: skip


def _mounts(given: SpecInput) -> list[Json]:
    host = given.container.host_config
    out = [dict(m) for m in _STANDARD_MOUNTS]
    if given.netns_path is None and not host.privileged:
        # A new sysfs wants a network namespace that is ours; without one the host's is bound.
        out[3] = {"destination": "/sys", "type": "bind", "source": "/sys",
                  "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]}  # fmt: skip
    if host.privileged:
        for mount in out:
            if mount["destination"] in ("/sys", "/sys/fs/cgroup"):
                mount["options"] = [o for o in mount["options"] if o != "ro"]
    shm = given.namespaces.get("shm", "")
    options = ["nosuid", "noexec", "nodev", "mode=1777", f"size={host.shm_size_bytes}"]
    out.append(
        {"destination": "/dev/shm", "type": "bind", "source": shm, "options": ["rbind"]}
        if shm
        else {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": options}
    )
    custom = sorted([*given.mounts, *given.container.mounts], key=lambda m: m.target.rstrip("/").count("/"))
    custom += [Mount(type="tmpfs", target=target, options=text) for target, text in host.tmpfs.items()]
    taken = {mount.target.rstrip("/") for mount in custom}
    out = [m for m in out if m["destination"] not in taken]
    out += [_mount(mount, read_only_root=host.read_only_rootfs) for mount in custom]
    if given.init_path:
        out.append({"destination": "/sbin/docker-init", "type": "bind", "source": given.init_path,
                    "options": ["bind", "ro"]})  # fmt: skip
    return out


def _mount(mount: Mount, *, read_only_root: bool) -> Json:
    del read_only_root
    if mount.type == "tmpfs":
        options = ["noexec", "nosuid", "nodev"]
        given = [o for o in mount.options.split(",") if o]
        opposite = {"exec": "noexec", "suid": "nosuid", "dev": "nodev"}
        options = [o for o in options if o not in {opposite.get(g) for g in given}]
        if mount.size_bytes:
            given.append(f"size={mount.size_bytes}")
        if mount.mode is not None:
            given.append(f"mode={mount.mode:o}")
        return {"destination": mount.target, "type": "tmpfs", "source": "tmpfs", "options": [*options, *given]}
    return {
        "destination": mount.target,
        "type": "bind",
        "source": mount.source,
        "options": ["rbind", mount.propagation or "rprivate", *(["ro"] if mount.read_only else [])],
    }


def _linux(given: SpecInput) -> Json:
    host = given.container.host_config
    linux: Json = {
        "namespaces": _namespaces(given),
        "cgroupsPath": given.cgroup_path,
        "resources": resources(host, swap_limits=given.swap_limits),
        "maskedPaths": list(defaults.MASKED_PATHS if host.masked_paths is None else host.masked_paths),
        "readonlyPaths": list(defaults.READONLY_PATHS if host.readonly_paths is None else host.readonly_paths),
        "sysctl": {**({} if given.netns_path is None else defaults.SYSCTLS), **host.sysctls},
    }
    if host.privileged:
        linux["maskedPaths"], linux["readonlyPaths"] = [], []
    if host.devices:
        linux["devices"] = [_device(d.host_path, d.container_path) for d in host.devices]
    if given.seccomp is not None and not host.privileged:
        linux["seccomp"] = given.seccomp
    return linux


def _device(source: str, target: str) -> Json:
    import os
    import stat

    try:
        info = os.stat(source)  # noqa: PTH116
    except OSError as error:
        raise InvalidParameter(f'error gathering device information while adding custom device "{source}": '
                               f"{(error.strerror or '').lower()}") from error  # fmt: skip
    kind = "b" if stat.S_ISBLK(info.st_mode) else "c"
    return {
        "path": target or source, "type": kind, "major": os.major(info.st_rdev), "minor": os.minor(info.st_rdev),
        "fileMode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid,
    }  # fmt: skip


def _namespaces(given: SpecInput) -> list[Json]:
    kinds = ["mount", "pid", "uts", "ipc", *(["cgroup"] if given.cgroup_v2 else [])]
    out: list[Json] = []
    for kind in kinds:
        if kind not in given.namespaces:
            out.append({"type": kind})
        elif given.namespaces[kind]:
            out.append({"type": kind, "path": given.namespaces[kind]})
    if given.netns_path is not None:
        out.append({"type": "network", "path": given.netns_path})
    return out


def resources(host: HostConfig, *, swap_limits: bool = True) -> Json:
    """`linux.resources`, also for updates of a running container. `swap_limits`: whether the kernel has them."""
    out: Json = {"devices": [{"allow": True, "access": "rwm"}] if host.privileged else _device_rules(host)}
    if memory := _memory(host, swap_limits=swap_limits):
        out["memory"] = memory
    if cpu := _cpu(host):
        out["cpu"] = cpu
    if host.pids_limit > 0:
        out["pids"] = {"limit": host.pids_limit}
    if host.blkio_weight:
        out["blockIO"] = {"weight": host.blkio_weight}
    return out


def _memory(host: HostConfig, *, swap_limits: bool) -> Json:
    memory: Json = {}
    if host.memory_bytes:
        memory["limit"] = host.memory_bytes
        if swap_limits:
            # Docker: no swap limit given means as much swap as memory, so the sum is twice the limit.
            memory["swap"] = host.memory_swap_bytes or host.memory_bytes * 2
    if host.memory_reservation_bytes:
        memory["reservation"] = host.memory_reservation_bytes
    if host.memory_swappiness is not None and host.memory_swappiness >= 0:
        memory["swappiness"] = host.memory_swappiness
    if host.oom_kill_disable:
        memory["disableOOMKiller"] = True
    return memory


def _cpu(host: HostConfig) -> Json:
    cpu: Json = {}
    if host.nano_cpus:
        cpu["period"], cpu["quota"] = 100_000, host.nano_cpus * 100_000 // 1_000_000_000
    for name, value in (("shares", host.cpu_shares), ("period", host.cpu_period), ("quota", host.cpu_quota),
                        ("cpus", host.cpuset_cpus), ("mems", host.cpuset_mems)):  # fmt: skip
        if value:
            cpu[name] = value
    return cpu


def _device_rules(host: HostConfig) -> list[Json]:
    rules: list[Json] = list(defaults.device_rules())
    for device in host.devices:
        node = _device(device.host_path, device.container_path)
        rules.append({"allow": True, "type": node["type"], "major": node["major"], "minor": node["minor"],
                      "access": device.permissions})  # fmt: skip
    for text in host.device_cgroup_rules:
        kind, numbers, access = text.split()
        major, _, minor = numbers.partition(":")
        rule: Json = {"allow": True, "type": kind, "access": access}
        rule |= {} if major == "*" else {"major": int(major)}
        rule |= {} if minor == "*" else {"minor": int(minor)}
        rules.append(rule)
    return rules
