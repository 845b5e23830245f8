"""After a restart of the daemon, however the last one ended: compare store and kernel, and repair.

What still runs is taken back with its ports and links; the end of what died meanwhile is made up for; everything that
nobody knows is removed. Runs before the first client is heard.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from fairlead.engine import restart, state
from fairlead.engine.connect import Connector
from fairlead.engine.control import Control
from fairlead.engine.directory import Directory
from fairlead.engine.etc import EtcFiles
from fairlead.engine.hostnames import HostNames
from fairlead.engine.images import Images
from fairlead.engine.leases import Leases
from fairlead.engine.linking import Linker
from fairlead.engine.monitor import Monitor
from fairlead.engine.registry import Registry
from fairlead.engine.removal import Remover
from fairlead.engine.tasks import Tasks
from fairlead.engine.topology import Topology
from fairlead.engine.volumes import Volumes
from fairlead.errors import EngineError
from fairlead.images.snapshots import Snapshots
from fairlead.linux import files
from fairlead.model.container import Container, Status
from fairlead.model.settings import Settings
from fairlead.network.controller import Attached, Controller
from fairlead.runtime.runtime import Runtime

log = logging.getLogger(__name__)


class Restore:
    def __init__(
        self,
        *,
        settings: Settings,
        registry: Registry,
        topology: Topology,
        controller: Controller,
        connector: Connector,
        directory: Directory,
        linker: Linker,
        leases: Leases,
        volumes: Volumes,
        images: Images,
        snapshots: Snapshots,
        runtime: Runtime,
        etc: EtcFiles,
        host_names: HostNames,
        monitor: Monitor,
        control: Control,
        remover: Remover,
        tasks: Tasks,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._topology = topology
        self._controller = controller
        self._connector = connector
        self._directory = directory
        self._linker = linker
        self._leases = leases
        self._volumes = volumes
        self._images = images
        self._snapshots = snapshots
        self._runtime = runtime
        self._etc = etc
        self._host_names = host_names
        self._monitor = monitor
        self._control = control
        self._remover = remover
        self._tasks = tasks

    async def run(self) -> None:
        self._registry.load()
        for container in self._registry:
            self._images.foundations.use(container.image_id)
        self._volumes.load([container.id for container in self._registry])
        networks = self._topology.load()
        for network in networks:
            self._leases.reconcile(network, self._registry)
        recorded = [c for c in self._registry if c.state.status in (Status.RUNNING, Status.PAUSED)]
        await self._runtime.sweep({container.id for container in recorded})
        alive = [container for container in recorded if self._runtime.running_pid(container.id) is not None]
        attached = self._attached(alive)
        await self._controller.open(networks, attached, self._linker.rearm(alive))
        self._restore_network(alive, attached)
        self._sweep_files(alive)
        for container in recorded:
            await self._monitor.take_back(container, alive=container in alive)
        self._host_names.write()
        self._settle()
        log.info("%d containers, %d taken back", len(self._registry), len(alive))

    def _attached(self, alive: list[Container]) -> list[Attached]:
        """What runs, on its networks: its rules come back in the transaction that replaces them, so none is missed."""
        attached: list[Attached] = []
        for container in alive:
            gateway = self._connector.gateway_endpoint(container)
            for end in container.endpoints:
                network = self._topology.by_id(end.network_id)
                if network is not None and (end.address is not None or end.address6 is not None):
                    attached.append((network, end, container.published if end is gateway else ()))
        return attached

    def _restore_network(self, alive: list[Container], attached: list[Attached]) -> None:
        for container in self._registry:
            self._connector.keep_in_mind(container)
        self._controller.sweep({end.id for _, end, _ in attached})
        self._controller.sweep_bridges(list(self._topology))
        self._controller.restore(attached)
        for container in alive:
            self._restore_names(container)

    def _restore_names(self, container: Container) -> None:
        mode = container.host_config.network_mode
        if mode == "host" or mode.startswith("container:"):
            return
        try:
            sandbox = self._controller.open_sandbox(self._runtime.running_pid(container.id) or 0)
        except EngineError as error:  # it ended this very moment
            log.warning("names for %s: %s", container.name, error.message)
            return
        try:
            self._controller.hold(sandbox, container.endpoints)
            self._directory.admit(container, sandbox)
        finally:
            sandbox.close()

    def _sweep_files(self, alive: list[Container]) -> None:
        known = {container.id for container in self._registry}
        running = {container.id for container in alive}
        for container_id in known - running:
            self._snapshots.umount(container_id)
        self._snapshots.sweep(known)
        root = self._etc.directory("")
        root.mkdir(parents=True, exist_ok=True, mode=0o710)
        for entry in root.iterdir():
            if entry.name not in known:
                files.remove_tree(entry)

    def _settle(self) -> None:
        """Those that do not run: half removed ones go, `--rm` ones too, and some are to be started."""
        wanted = []
        for container in self._registry:
            status, host = container.state.status, container.host_config
            if status is Status.RESTARTING:
                # Not by its own clock: a linked container has to come after its sources.
                wanted.append(self._registry.save(replace(container, state=state.gave_up(container.state))))
            elif status in (Status.REMOVING, Status.DEAD) or (host.auto_remove and not status.running):
                self._remover.remove(container, volumes=host.auto_remove)
            elif status is Status.EXITED and restart.wanted_at_boot(
                host.restart_policy,
                exit_code=container.state.exit_code,
                stopped_by_user=container.state.stopped_by_user,
                ever_started=container.state.started_at is not None,
            ):
                wanted.append(container)
        starts: dict[str, asyncio.Task[None]] = {}
        for container in wanted:
            self._start(container, {c.id: c for c in wanted}, starts)

    def _start(
        self, container: Container, wanted: dict[str, Container], starts: dict[str, asyncio.Task[None]]
    ) -> asyncio.Task[None]:
        """Sources before their recipients."""
        if container.id not in starts:
            before = [
                self._start(wanted[link.source_id], {k: v for k, v in wanted.items() if k != container.id}, starts)
                for link in container.links
                if link.source_id in wanted and link.source_id != container.id
            ]
            starts[container.id] = self._tasks.create_task(
                self._start_after(container, before), name=f"start {container.name}"
            )
        return starts[container.id]

    async def _start_after(self, container: Container, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        try:
            await self._control.start(container, by_policy=True)
        except EngineError as error:
            log.warning("start of %s failed: %s", container.name, error.message)
