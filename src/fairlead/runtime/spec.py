"""The OCI runtime spec (config.json) of a container, from model values. Pure; Docker's defaults throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead.model.container import Container, HostConfig, Mount
from fairlead.runtime import capabilities, defaults, devices, mounts, resources
from fairlead.runtime.users import ROOT_IDENTITY, Identity

Json = dict[str, Any]
_NO_LIMIT = 1 << 64
"""-1, as an unsigned number, is the kernel's RLIM_INFINITY."""


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
    swap_limits: bool = True
    capabilities: Sequence[str] = ()
    seccomp: Json | None = None
    seccomp_annotation: tuple[str, str] | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)
    init_path: str = ""
    files: tuple[int, int] | None = None
    """Soft and hard limit of open files where the user gave none; None = those of the daemon."""


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
        "noNewPrivileges": no_new_privileges(host.security_opt),
        "oomScoreAdj": host.oom_score_adj,
        "rlimits": rlimits(host, given.files),
        "capabilities": capabilities.of_process(given.capabilities, who),
    }
    if config.tty and any(host.console_size):
        process["consoleSize"] = {"height": host.console_size[0], "width": host.console_size[1]}
    if host.oom_score_adj == defaults.oom_score():
        del process["oomScoreAdj"]  # to write even the same number takes a right
    return process


def rlimits(host: HostConfig, files: tuple[int, int] | None) -> list[Json]:
    given = {limit.name.upper(): (limit.soft, limit.hard) for limit in host.ulimits}
    wanted = given if files is None else {"NOFILE": files} | given
    return [
        {"type": f"RLIMIT_{name}", "soft": soft % _NO_LIMIT, "hard": hard % _NO_LIMIT}
        for name, (soft, hard) in wanted.items()
    ]


def no_new_privileges(options: Sequence[str]) -> bool:
    """The last word of several counts."""
    wanted = False
    for option in options:
        name, _, value = option.replace(":", "=", 1).partition("=")
        if name == "no-new-privileges":
            wanted = value.lower() in ("", "1", "t", "true")
    return wanted


def _mounts(given: SpecInput) -> list[Json]:
    out = mounts.render(
        given.container.host_config,
        [*given.mounts, *given.container.mounts],
        shm=given.namespaces.get("shm", ""),
        own_network=given.netns_path is not None,
    )
    if given.init_path:
        out.append({"destination": "/sbin/docker-init", "type": "bind", "source": given.init_path,
                    "options": ["bind", "ro"]})  # fmt: skip
    return out


def _linux(given: SpecInput) -> Json:
    host = given.container.host_config
    linux: Json = {
        "namespaces": _namespaces(given),
        "cgroupsPath": given.cgroup_path,
        "resources": resources.render(host, swap_limits=given.swap_limits),
        "maskedPaths": list(defaults.MASKED_PATHS if host.masked_paths is None else host.masked_paths),
        "readonlyPaths": list(defaults.READONLY_PATHS if host.readonly_paths is None else host.readonly_paths),
        "sysctl": {**({} if given.netns_path is None else defaults.SYSCTLS), **host.sysctls},
    }
    if host.privileged:
        linux["maskedPaths"], linux["readonlyPaths"] = [], []
    if nodes := devices.nodes(host):
        linux["devices"] = nodes
    if propagation := mounts.root_propagation(given.container.mounts):
        linux["rootfsPropagation"] = propagation
    if given.seccomp is not None and not host.privileged:
        linux["seccomp"] = given.seccomp
    return linux


def _namespaces(given: SpecInput) -> list[Json]:
    kinds = ["mount", "pid", "uts", "ipc", "cgroup"]
    out: list[Json] = []
    for kind in kinds:
        if kind not in given.namespaces:
            out.append({"type": kind})
        elif given.namespaces[kind]:
            out.append({"type": kind, "path": given.namespaces[kind]})
    if given.netns_path is not None:
        out.append({"type": "network", "path": given.netns_path})
    return out
