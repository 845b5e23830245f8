"""From a container's record to what the runtime needs: identity, environment, config.json, monitor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fairlead.engine import environment, logfile, subpaths
from fairlead.engine.etc import EtcFiles
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from fairlead.linux import process
from fairlead.model.container import Container, HostConfig, Status, Ulimit
from fairlead.model.settings import Settings
from fairlead.runtime import capabilities, defaults, seccomp, spec, users
from fairlead.runtime.launch import Launched, LaunchSpec
from fairlead.runtime.runtime import Runtime


class Launcher:
    def __init__(self, settings: Settings, runtime: Runtime, registry: Registry, linker: Linker, etc: EtcFiles) -> None:
        self._settings = settings
        self._runtime = runtime
        self._registry = registry
        self._linker = linker
        self._etc = etc

    def environment(self, container: Container) -> list[str]:
        """What a process started now gets: the sources' present addresses are in it."""
        config = container.config
        return environment.assemble(
            hostname=config.hostname,
            tty=config.tty,
            link_variables=self._linker.variables(container),
            own=config.env,
        )

    async def create(self, container: Container, root: Path, netns_path: str | None) -> Launched:
        """Monitor and container, up to the point where only the process is not running."""
        with self._runtime.starting(root):
            if any(mount.subpath for mount in container.mounts):
                with subpaths.held(container.mounts, self._runtime.bundle(container.id)) as mounts:
                    return await self._create(replace(container, mounts=mounts), root, netns_path)
            return await self._create(container, root, netns_path)

    async def _create(self, container: Container, root: Path, netns_path: str | None) -> Launched:
        given, filter_key = self._spec(container, root, netns_path)
        binds = [mount for mount in container.mounts if mount.type == "bind"]
        if binds:
            self._runtime.refresh(travelling=any(mount.propagation for mount in binds))
        bundle = self._runtime.write_bundle(container.id, spec.render(given))
        launch = LaunchSpec(
            container_id=container.id,
            bundle=bundle,
            log_path=self.log_path(container),
            terminal=container.config.tty,
            stdin_open=container.config.open_stdin,
            stdin_once=container.config.stdin_once,
            log_max_size_bytes=logfile.limits(container.host_config.log_config)[0],
        )
        return await self._runtime.create(launch, argv0=container.path, filter_key=filter_key)

    def log_path(self, container: Container) -> Path | None:
        if container.host_config.log_config.type == "none":
            return None
        return self._etc.directory(container.id) / "container.log"

    def _spec(self, container: Container, root: Path, netns_path: str | None) -> tuple[spec.SpecInput, str]:
        host, config = container.host_config, container.config
        granted = capabilities.granted(host, self._runtime.available)
        profile, annotation, key = self._seccomp(host, granted)
        who = users.resolve(root, config.user, host.group_add)
        namespaces = self._namespaces(container)
        _spare_the_host(host, {"network": netns_path or "", "ipc": namespaces.get("ipc", "")})
        given = spec.SpecInput(
            container=replace(container, host_config=replace(host, ulimits=self._ulimits(host))),
            env=environment.with_home(self.environment(container), who.home),
            root=root,
            netns_path=netns_path,
            mounts=self._etc.mounts(container),
            hostname=config.hostname,
            domainname=config.domainname,
            identity=who,
            cgroup_path=self._runtime.cgroup(container.id, host.cgroup_parent),
            swap_limits=self._runtime.features.swap,
            capabilities=granted,
            seccomp=profile,
            seccomp_annotation=annotation,
            namespaces=namespaces,
            init_path=_init_path(host, default=self._settings.init),
            files=process.given_files(),
        )
        return given, key

    def _ulimits(self, host: HostConfig) -> tuple[Ulimit, ...]:
        own = {limit.name for limit in host.ulimits}
        return (*host.ulimits, *(limit for limit in self._settings.default_ulimits if limit.name not in own))

    def _seccomp(
        self, host: HostConfig, capabilities: Sequence[str]
    ) -> tuple[dict[str, object] | None, tuple[str, str] | None, str]:
        """(profile, annotation with the ready program, key under which to learn it)."""
        chosen = next(
            (word.partition(word[7])[2] for word in host.security_opt if word.startswith(("seccomp=", "seccomp:"))), ""
        )
        if host.privileged or chosen == "unconfined":
            return None, None, ""
        text = "" if chosen in ("", "builtin") else _profile_text(chosen)
        if text and seccomp.is_empty(text):
            return None, None, ""
        key, profile = self._runtime.filters.filter(capabilities, text)
        program = self._runtime.filters.compiled(key)
        return profile, (seccomp.ANNOTATION, program) if program else None, key

    def _namespaces(self, container: Container) -> dict[str, str]:
        """Namespaces that are not to be the container's own: '' is the host's, else a path."""
        host = container.host_config
        found: dict[str, str] = {}
        if host.pid_mode == "host":
            found["pid"] = ""
        elif host.pid_mode.startswith("container:"):
            found["pid"] = f"/proc/{self._donor(host.pid_mode, 'PID').state.pid}/ns/pid"
        if host.uts_mode == "host":
            found["uts"] = ""
        if host.cgroupns_mode == "host":
            found["cgroup"] = ""
        return found | self._ipc(container)

    def _ipc(self, container: Container) -> dict[str, str]:
        """System V objects, and the /dev/shm that goes with them."""
        host = container.host_config
        match host.ipc_mode.partition(":"):
            case ("host", "", ""):
                return {"ipc": "", "shm": "/dev/shm"}
            case ("shareable", "", ""):
                return {"shm": str(self._runtime.share_shm(container.id, host.shm_size_bytes))}
            case ("container", ":", _):
                donor = self._donor(host.ipc_mode, "IPC")
                return {"ipc": f"/proc/{donor.state.pid}/ns/ipc", "shm": self._shared_shm(donor)}
        return {}

    def _shared_shm(self, donor: Container) -> str:
        while donor.host_config.ipc_mode.startswith("container:"):
            donor = self._donor(donor.host_config.ipc_mode, "IPC")
        match donor.host_config.ipc_mode:
            case "host":
                return "/dev/shm"
            case "shareable":
                return str(self._runtime.shm(donor.id))
        raise InvalidParameter(
            f"failed to join IPC namespace: container {donor.id}: non-shareable IPC "
            "(hint: use IpcMode:shareable for the donor container)"
        )

    def _donor(self, mode: str, kind: str) -> Container:
        ref = mode.partition(":")[2]
        try:
            donor = self._registry.get(ref)
        except NotFound as error:
            raise InvalidParameter(f"failed to join {kind} namespace: {error.message}") from error
        if donor.state.status is Status.RESTARTING:
            raise Conflict(
                f"failed to join {kind} namespace: container {donor.id} is restarting, "
                "wait until the container is running"
            )
        if not donor.state.status.running or not donor.state.pid:
            raise Conflict(f"failed to join {kind} namespace: container {donor.id} is not running")
        return donor


def _spare_the_host(host: HostConfig, joined: Mapping[str, str]) -> None:
    """Who joins another container may be joining the host through it: its switches are not the container's to set.
    (runc looks for it, crun does not.)"""
    for name in host.sysctls:
        kind, namespace = ("network", "net") if name.startswith("net.") else ("ipc", "ipc")
        path = joined[kind] if name not in ("kernel.domainname", "kernel.hostname") else ""
        if path and Path(path).stat().st_ino == Path(f"/proc/self/ns/{namespace}").stat().st_ino:
            raise InvalidParameter(f'sysctl "{name}" not allowed in host {kind} namespace')


def _profile_text(chosen: str) -> str:
    """Docker's client sends the profile itself, as JSON text."""
    try:
        json.loads(chosen)
    except ValueError as error:
        raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from error
    return chosen


def _init_path(host: HostConfig, *, default: bool) -> str:
    if not (default if host.init is None else host.init) or host.pid_mode:
        return ""  # where others are, it would not be the first process
    program = defaults.init_program()
    if program is None:
        raise SystemFailure("--init: no minimal init on this host: install catatonit or tini")
    return program
