"""The containers service: the verbs of the API, each led to whoever knows how."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import replace

from fairlead.engine import admission, listing, names, processes, pruning, trees
from fairlead.engine.attach import Attachments, Stream
from fairlead.engine.connect import Connector
from fairlead.engine.control import Control
from fairlead.engine.creation import Creator
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.exec import Execs
from fairlead.engine.health import HealthChecks
from fairlead.engine.images import Images
from fairlead.engine.launch import Launcher
from fairlead.engine.linking import Linker
from fairlead.engine.logs import Logs
from fairlead.engine.publishing import Publisher
from fairlead.engine.registry import Registry
from fairlead.engine.removal import Remover
from fairlead.engine.usage import Usage
from fairlead.engine.waiters import Waiters
from fairlead.errors import Conflict, EngineError, InvalidParameter, NotFound
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Container, HostConfig, Status
from fairlead.model.request import (
    AttachRequest,
    ContainerView,
    CreateRequest,
    CreateResult,
    ExitResult,
    LogBatch,
    LogRequest,
    PortChange,
    WaitCondition,
)
from fairlead.runtime.runtime import Runtime


class Containers:
    def __init__(
        self,
        *,
        registry: Registry,
        creator: Creator,
        control: Control,
        remover: Remover,
        linker: Linker,
        connector: Connector,
        publisher: Publisher,
        launcher: Launcher,
        attachments: Attachments,
        execs: Execs,
        logs: Logs,
        health: HealthChecks,
        images: Images,
        snapshots: Snapshots,
        runtime: Runtime,
        etc: EtcFiles,
        waiters: Waiters,
        events: Events,
        usage: Usage,
    ) -> None:
        self._registry = registry
        self._creator = creator
        self._control = control
        self._remover = remover
        self._linker = linker
        self._connector = connector
        self._publisher = publisher
        self._launcher = launcher
        self._attachments = attachments
        self._execs = execs
        self._logs = logs
        self._health = health
        self._images = images
        self._snapshots = snapshots
        self._runtime = runtime
        self._etc = etc
        self._waiters = waiters
        self._events = events
        self._usage = usage
        self._leaving: set[str] = set()
        """Containers that somebody removes at this moment."""

    # --- life -------------------------------------------------------------------------------------------------

    async def create(self, request: CreateRequest) -> CreateResult:
        return await self._creator.create(request)

    async def start(self, ref: str) -> None:
        await self._control.start(self._registry.get(ref))

    async def stop(self, ref: str, *, timeout_s: int | None, signal: str | None) -> None:
        await self._control.stop(self._registry.get(ref), timeout_s=timeout_s, signal=signal)

    async def restart(self, ref: str, *, timeout_s: int | None, signal: str | None) -> None:
        await self._control.restart(self._registry.get(ref), timeout_s=timeout_s, signal=signal)

    async def kill(self, ref: str, signal: str) -> None:
        try:
            container = self._registry.get(ref)
        except NotFound as error:
            raise NotFound(f"cannot kill container: {ref}: {error.message}") from error
        await self._control.kill(container, signal, ref)

    async def pause(self, ref: str) -> None:
        await self._control.pause(self._registry.get(ref))

    async def unpause(self, ref: str) -> None:
        await self._control.unpause(self._registry.get(ref))

    async def remove(self, ref: str, *, force: bool, volumes: bool, link: bool) -> None:
        if link:
            self._remove_link(ref)
            return
        container = self._registry.get(ref)
        if container.state.status is Status.REMOVING or container.id in self._leaving:
            raise Conflict(f"removal of container {ref} is already in progress")
        self._leaving.add(container.id)
        try:
            await self._remove(container, force=force, volumes=volumes)
        finally:
            self._leaving.discard(container.id)

    async def _remove(self, container: Container, *, force: bool, volumes: bool) -> None:
        if force and container.state.status.running:
            await self._end(container)
        async with self._registry.lock(container.id):
            now = self._registry.by_id(container.id)
            if now is None:
                return  # it removed itself (--rm)
            self._check_removable(now, force=force)
            self._remover.remove(now, volumes=volumes)

    async def _end(self, container: Container) -> None:
        try:
            await self._control.kill(container, "KILL", container.name)
        except (Conflict, NotFound):
            return  # it has ended by itself

    def _check_removable(self, container: Container, *, force: bool) -> None:
        status = container.state.status
        if not status.running:
            return
        if status is Status.PAUSED:
            reason = "container is paused and must be unpaused first"
        elif force:
            reason = "could not kill container"
        else:
            reason = f"container is {status}: stop the container before removing or force remove"
        raise Conflict(f'cannot remove container "/{container.name}": {reason}')

    def _remove_link(self, ref: str) -> None:
        name = ref.strip("/")
        if "/" not in name:
            self._registry.get(ref)
            raise Conflict("Conflict, cannot remove the default link name of the container")
        found = self._registry.link(name)
        if found is None:
            raise NotFound(f"No such container: {name}")
        self._linker.unlink(*found)

    async def rename(self, ref: str, new: str) -> None:
        container = self._registry.get(ref)
        if not new:
            raise InvalidParameter("Neither old nor new names may be empty")
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            if new.removeprefix("/") == container.name:
                raise InvalidParameter("Renaming a container with the same name as its current name")
            try:
                name = names.check(new)
                self._registry.reserve(name, container.id)
            except EngineError as error:
                raise type(error)(f"Error when allocating new name: {error.message}") from error
            after = replace(container, name=name, generated_name=False)
            self._connector.rename(container, after)
            self._registry.save(after)
            self._linker.renamed(after)
        self._events.container(after, "rename", oldName=f"/{container.name}")

    def wait(self, ref: str, condition: WaitCondition) -> Awaitable[ExitResult]:
        return self._waiters.wait(self._registry.get(ref), condition)

    async def update(self, ref: str, host_config: HostConfig) -> Sequence[str]:
        container = self._registry.get(ref)
        host_config, warnings = admission.limits(host_config, self._runtime.features)
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            try:
                admission.change(container.host_config, host_config)
            except Conflict as error:
                raise Conflict(f"Cannot update container {container.id}: {error.message}") from error
            if container.state.status in (Status.RUNNING, Status.PAUSED):
                await self._runtime.update(container.id, host_config)
            self._registry.save(replace(container, host_config=host_config))
        self._events.container(container, "update")
        return warnings

    async def publish(self, ref: str, change: PortChange) -> ContainerView:
        return await self._publisher.change(ref, change)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[Sequence[str], int]:
        chosen = pruning.Selection(filters)
        removed, freed = [], 0
        for container in self._registry:
            if container.state.status.running or not chosen.takes(container.config.labels, container.created):
                continue
            async with self._registry.lock(container.id):
                now = self._registry.by_id(container.id)
                if now is None or now.state.status.running:
                    continue
                freed += await trees.size(self._snapshots.upper(now.id))
                self._remover.remove(now, volumes=False)
                removed.append(now.id)
        self._events.other("container", "prune", "", reclaimed=str(freed))
        return removed, freed

    # --- looking ----------------------------------------------------------------------------------------------

    async def list(
        self, *, all: bool, limit: int | None, size: bool, filters: Mapping[str, Sequence[str]]
    ) -> Sequence[ContainerView]:
        """Newest first."""
        chosen = listing.Selection(
            filters,
            self._registry,
            ancestor=listing.image_id(lambda ref: self._images.get(ref).id),
            descends=self._images.descends,
            health=self._health.status,
        )
        everything = all or limit is not None or chosen.wants_stopped
        found = []
        for container in reversed(list(self._registry)):
            if not everything and not container.state.status.running:
                continue
            image = self._images.shown(container.image, container.image_id)
            seen = listing.view(container, self._registry, image=image)
            if not filters or chosen(seen):
                found.append(self._health.shown(await self._usage.sized(seen) if size else seen))
            if limit is not None and len(found) == limit:
                break
        return found

    async def inspect(self, ref: str, *, size: bool = False) -> ContainerView:
        container = self._registry.get(ref)
        seen = listing.view(container, self._registry)
        logged = container.host_config.log_config.type
        seen = replace(
            seen,
            hosts_path=str(self._etc.path(container, "hosts")),
            hostname_path=str(self._etc.path(container, "hostname")),
            resolv_conf_path=str(self._etc.path(container, "resolv.conf")),
            log_path=str(self._launcher.log_path(container) or "") if logged == "json-file" else "",
            exec_ids=self._execs.ids(container.id),
            graph=self._snapshots.paths(container.id),
        )
        return self._health.shown(await self._usage.sized(seen) if size else seen)

    async def top(self, ref: str, ps_args: str) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        container = self._running(ref)
        found = await processes.table(self._runtime.processes(container.id), ps_args)
        self._events.container(container, "top")
        return found

    # --- streams ----------------------------------------------------------------------------------------------

    async def attach(self, ref: str, request: AttachRequest) -> Stream:
        container = self._registry.get(ref)
        if container.state.status is Status.PAUSED:
            raise Conflict(f"container {ref} is paused, unpause the container before attach")
        if container.state.status is Status.RESTARTING:
            raise Conflict(f"container {ref} is restarting, wait until the container is running")
        stream = await self._attachments.attach(container, request)
        stream.on_detach = lambda: self._events.container(container, "detach")
        self._events.container(container, "attach")
        return stream

    async def resize(self, ref: str, height: int, width: int) -> None:
        container = self._running(ref)
        if not self._runtime.resize(container.id, height, width):
            raise Conflict(f"container {container.id} is not running")  # it ends this very moment
        self._events.container(container, "resize", height=str(height), width=str(width))

    def logs(self, ref: str, request: LogRequest) -> AsyncIterator[LogBatch]:
        return self._logs.read(self._registry.get(ref), request)

    async def tty(self, ref: str) -> bool:
        return self._registry.get(ref).config.tty

    def _running(self, ref: str) -> Container:
        container = self._registry.get(ref)
        if container.state.status is Status.RESTARTING:
            raise Conflict(f"container {container.id} is restarting, wait until the container is running")
        if not container.state.status.running:
            raise Conflict(f"container {container.id} is not running")
        return container
