"""The order of a start, with the undo of each step, and the order of an end.

Ports are published while the runtime creates the container: a thousand of them take no longer than one. Its network
is up by then, so that a client that comes too early is refused at once, rather than led to an address that nobody
answers for. Callers hold the container's lock.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

from fairlead.engine import mountpoints, state
from fairlead.engine.attach import Attachments
from fairlead.engine.connect import Connector
from fairlead.engine.directory import Directory
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.launch import Launcher
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.engine.volumemounts import VolumeMounts
from fairlead.errors import EngineError
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Container
from fairlead.model.network import Network
from fairlead.runtime.launch import Launched
from fairlead.runtime.runtime import Runtime
from fairlead.steps import Steps, beside


class Lifecycle:
    def __init__(
        self,
        registry: Registry,
        snapshots: Snapshots,
        connector: Connector,
        directory: Directory,
        linker: Linker,
        etc: EtcFiles,
        launcher: Launcher,
        runtime: Runtime,
        attachments: Attachments,
        topology: Topology,
        volumes: VolumeMounts,
        events: Events,
    ) -> None:
        self._registry = registry
        self._snapshots = snapshots
        self._connector = connector
        self._directory = directory
        self._linker = linker
        self._etc = etc
        self._launcher = launcher
        self._runtime = runtime
        self._attachments = attachments
        self._topology = topology
        self._volumes = volumes
        self._events = events

    async def start(self, container: Container) -> Container:
        """A running container, or the error of the step that failed with everything before it undone."""
        try:
            async with AsyncExitStack() as undo:
                started = await self._steps(container, undo)
                undo.pop_all()
        except EngineError as error:
            self._note_failure(container, error)
            raise
        finally:
            self._connector.attend()
        for network in self._networks(started):
            self._connector.tell("connect", network, started)
        self._events.container(started, "start")
        return started

    async def _steps(self, container: Container, undo: AsyncExitStack) -> Container:
        self._linker.sources(container)
        mountpoints.make_sources(container)
        mountpoints.check_propagation(container)
        self._volumes.hold(container)
        undo.callback(self._volumes.let_go, container)
        root = self._snapshots.mount(container.id)
        undo.callback(self._snapshots.umount, container.id)
        mountpoints.make_targets(container, root)

        joined = self._connector.join(container)
        if joined.sandbox is not None:
            undo.callback(joined.sandbox.close)
        undo.callback(self._connector.leave, joined.container, quiet=True)
        self._registry.note(joined.container)
        undo.callback(self._registry.note, container)
        self._directory.admit(joined.container, joined.sandbox)
        undo.callback(self._directory.dismiss, container)

        self._etc.write(joined.container, self._linker.lines(joined.container))
        undo.push_async_callback(self._discard, container.id)
        creation = self._launcher.create(joined.container, root, joined.netns_path)
        if self._connector.publishes(joined.container):
            ready, launched = await beside(self._publish(joined.container, undo), creation)
        else:
            ready, launched = joined.container, await creation
        if joined.sandbox is not None:
            joined.sandbox.close()  # the container's first process holds the namespace from here on
        await self._attachments.connect(container.id)

        self._linker.arm(joined.container)
        undo.callback(self._linker.disarm, joined.container)
        await self._runtime.start(container.id, argv0=container.path)
        return self._registry.save(_started(ready, launched))

    def _publish(self, container: Container, undo: AsyncExitStack) -> Steps[Container]:
        """Its address answers by now: whoever comes before its process listens is refused at once."""
        published = yield from self._connector.reserve(container)
        undo.callback(self._connector.unreserve, published)
        yield from self._connector.publish(published)
        self._registry.prepare(published)
        return published

    async def _discard(self, container_id: str) -> None:
        await self._runtime.delete(container_id, force=True)
        self._attachments.forget(container_id)
        self._runtime.forget(container_id)

    def _note_failure(self, container: Container, error: EngineError) -> None:
        current = self._registry.by_id(container.id)
        if current is not None:
            failed = state.start_failed(current.state, exit_code=exit_code(error.message), error=error.message)
            self._registry.save(replace(current, state=failed))

    def leave(self, container: Container) -> Container:
        """The process has ended: everything the kernel holds for it goes, but for what crun keeps (`discard`)."""
        self._linker.disarm(container)
        self._directory.dismiss(container)
        self._connector.leave(container)
        self._snapshots.umount(container.id)
        self._volumes.let_go(container)
        return self._connector.parted(container)

    async def discard(self, container: Container) -> None:
        """The last of an ended container's runtime state. By force: its monitor may have died before it."""
        await self._runtime.delete(container.id, force=True)
        self._attachments.forget(container.id)
        self._runtime.forget(container.id)

    def _networks(self, container: Container) -> list[Network]:
        found = (self._topology.by_id(end.network_id) for end in container.endpoints)
        return [network for network in found if network is not None]


def _started(container: Container, launched: Launched) -> Container:
    return replace(
        container,
        state=state.started(
            container.state,
            pid=launched.pid,
            monitor_pid=launched.monitor_pid,
            monitor_start_ticks=launched.monitor_start_ticks,
            at=datetime.now(UTC),
        ),
    )


def exit_code(message: str) -> int:
    """What a container that could not be started shows, as its client would: 127, 126 or 128."""
    if "executable file not found" in message or "no such file or directory" in message:
        return 127
    if "permission denied" in message or "is a directory" in message:
        return 126
    return 128
