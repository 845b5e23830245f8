"""The composition root: builds every object, opens the engine, serves until told to stop, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead.api.server import Server
from fairlead.daemon import config, dump, listeners, memory, reload
from fairlead.daemon.supervise import Supervisor
from fairlead.engine import admission
from fairlead.engine.attach import Attachments
from fairlead.engine.bootstrap import Bootstrap
from fairlead.engine.build.builder import Builder
from fairlead.engine.commit import Committer
from fairlead.engine.connect import Connector
from fairlead.engine.containers import Containers
from fairlead.engine.control import Control
from fairlead.engine.copy import Copier
from fairlead.engine.creation import Creator
from fairlead.engine.diff import Changes
from fairlead.engine.directory import Directory
from fairlead.engine.disposal import Disposer
from fairlead.engine.engine import Engine
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.exec import Execs
from fairlead.engine.healing import Healer
from fairlead.engine.health import HealthChecks
from fairlead.engine.hostnames import HostNames
from fairlead.engine.images import Images
from fairlead.engine.launch import Launcher
from fairlead.engine.leases import Leases
from fairlead.engine.lifecycle import Lifecycle
from fairlead.engine.linking import Linker
from fairlead.engine.logs import Logs
from fairlead.engine.monitor import Monitor
from fairlead.engine.networks import Networks
from fairlead.engine.publishing import Publisher
from fairlead.engine.registries import Registries
from fairlead.engine.registry import Registry
from fairlead.engine.removal import Remover
from fairlead.engine.restore import Restore
from fairlead.engine.stats import Stats
from fairlead.engine.system import System
from fairlead.engine.topology import Topology
from fairlead.engine.usage import Usage
from fairlead.engine.volumemounts import VolumeMounts
from fairlead.engine.volumes import Volumes
from fairlead.engine.waiters import Waiters
from fairlead.errors import EngineError, SystemFailure
from fairlead.images.blobs import Blobs
from fairlead.images.job import Jobs
from fairlead.images.layers import Layers
from fairlead.images.snapshots import Snapshots
from fairlead.images.transfers import Transfers
from fairlead.linux import files, process
from fairlead.linux import memory as heap
from fairlead.model.settings import Settings
from fairlead.network.controller import Controller
from fairlead.runtime.runtime import Runtime
from fairlead.store.containers import ContainerStore
from fairlead.store.database import Database
from fairlead.store.images import ImageStore
from fairlead.store.networks import NetworkStore
from fairlead.store.volumes import VolumeStore

log = logging.getLogger(__name__)

_GRACE_S = 10.0
_STOP_AT_A_TIME = 16
_YOUNG = 5000
"""So many new objects make the collector look at them. At Python's 700 it does so 16 times while a container with a
thousand ports starts and stops, which takes it four times as long as with 5,000. Garbage in cycles is rare here."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """What the daemon itself still has to do with the objects it built."""

    engine: Engine
    restore: Restore
    images: Images
    controller: Controller
    directory: Directory
    runtime: Runtime
    registry: Registry
    control: Control
    jobs: Jobs
    transfers: Transfers


def assemble(settings: Settings, database: Database, tasks: Supervisor) -> Assembly:
    """The whole object graph."""
    events, waiters = Events(), Waiters()
    registry, etc = Registry(ContainerStore(database)), EtcFiles(settings)
    controller, runtime = Controller(settings), Runtime(settings)
    layers = Layers(settings.data_root / "overlay2", jobs := Jobs())
    images = Images(ImageStore(database), layers, Blobs(settings.data_root / "blobs"), events,
                    transfers := Transfers(settings), tasks)  # fmt: skip
    snapshots = Snapshots(settings.data_root / "overlay2", images.directories)
    network_store = NetworkStore(database)
    topology, leases = Topology(network_store, settings, controller), Leases(network_store)
    volumes = Volumes(settings, VolumeStore(database), events)
    connector = Connector(controller, topology, leases, registry, events, publish_mode=settings.publish_mode)
    linker = Linker(registry, topology, controller, etc, environment=settings.link_environment)
    directory = Directory(settings, registry, topology, etc)
    host_names = HostNames(settings, registry, topology)
    directory.listen(host_names.changed)
    launcher = Launcher(settings, runtime, registry, linker, etc)
    logs = Logs(tasks, launcher.log_path, registry.running)
    attachments = Attachments(runtime, logs)
    execs = Execs(tasks, registry, runtime, events, variables=launcher.environment, root=snapshots.merged)
    health = HealthChecks(tasks, registry, execs, events)
    lifecycle = Lifecycle(
        registry, snapshots, connector, directory, linker, etc, launcher, runtime, attachments, topology,
        VolumeMounts(registry, volumes, events), events,
    )  # fmt: skip
    remover = Remover(
        registry, images, snapshots, volumes, connector, linker, etc, attachments, execs, Disposer(tasks), health,
        waiters, events,
    )  # fmt: skip
    monitor = Monitor(tasks, registry, lifecycle, remover, runtime, health, logs, waiters, events)
    control = Control(registry, lifecycle, monitor, remover, runtime, waiters, events)
    ground = admission.look(runtime.features, runtime.available, settings)
    creator = Creator(registry, images, snapshots, volumes, linker, topology, etc, events, ground)
    usage = Usage(registry, images, volumes, snapshots)
    containers = Containers(
        registry=registry, creator=creator, control=control, remover=remover, linker=linker, connector=connector,
        publisher=Publisher(registry, connector, linker, events), launcher=launcher, attachments=attachments,
        execs=execs, logs=logs, health=health, images=images, snapshots=snapshots, runtime=runtime,
        etc=etc, waiters=waiters, events=events, usage=usage,
    )  # fmt: skip
    networks = Networks(settings, topology, controller, connector, linker, leases, directory, etc, registry, events)
    restore = Restore(
        settings=settings, registry=registry, topology=topology, controller=controller, connector=connector,
        directory=directory, linker=linker, leases=leases, volumes=volumes, images=images, snapshots=snapshots,
        runtime=runtime, etc=etc, host_names=host_names, monitor=monitor, control=control, remover=remover,
        tasks=tasks,
    )  # fmt: skip
    engine = Engine(
        containers=containers, execs=execs, copier=Copier(registry, snapshots, jobs, etc, events),
        changes=Changes(registry, snapshots, jobs),
        committer=Committer(registry, control, images, snapshots, events), stats=Stats(registry, runtime),
        images=images, builder=Builder(settings, images, snapshots, containers),
        bootstrap=Bootstrap(images), registries=Registries(transfers), networks=networks,
        healer=Healer(tasks, registry, topology, connector, controller), volumes=volumes,
        events=events, system=System(settings, registry, images, usage, runtime, events),
    )  # fmt: skip
    return Assembly(engine, restore, images, controller, directory, runtime, registry, control, jobs, transfers)


async def serve(settings: Settings, read: Callable[[], Settings]) -> None:
    """From nothing to nothing: returns after SIGTERM or SIGINT, with everything let go."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    locks = _lock(settings.data_root, settings.exec_root)
    database = Database(settings.data_root / "state.db")
    background, requests = Supervisor(), Supervisor()
    made = assemble(settings, database, background)
    system = made.engine.system

    def again() -> None:
        system.reload(reload.merge(system.settings, read))
        made.transfers.settings = system.settings

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, again)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, dump.write)
    try:
        await made.runtime.open()
        await made.restore.run()
        made.engine.healer.begin()
        made.engine.builder.sweep()
        await made.images.sweep()
        background.create_task(memory.watch(), name="memory")
        await _listen(settings, Server(made.engine, requests), stop)
        await requests.finish(_GRACE_S)
        if system.settings.stop_containers_on_exit:
            await _stop_all(made, system.settings)
    finally:
        await requests.cancel()
        await background.cancel()
        made.directory.close()
        await made.controller.close(teardown=system.settings.stop_containers_on_exit)
        made.transfers.close()
        made.jobs.close()
        made.runtime.close(teardown=system.settings.stop_containers_on_exit)
        database.close()
        for lock in locks:
            os.close(lock)


def _lock(*roots: Path) -> list[int]:
    """Two daemons would each sweep away what the other runs."""
    locks = []
    for root in roots:
        root.mkdir(parents=True, exist_ok=True, mode=0o711)
        lock = files.lock(root / "daemon.lock")
        if lock is None:
            raise SystemFailure(f"another daemon uses {root}")
        locks.append(lock)
    return locks


async def _listen(settings: Settings, server: Server, stop: asyncio.Event) -> None:
    listener = listeners.open_listener(settings)
    # What is there now stays for good: the collector need not look at it again on every start of a container.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    log.info("listening on %s", settings.host)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(listener), name="server")
            await stop.wait()
            log.info("stopping")
            await server.close()
    finally:
        listener.close()
        listeners.remove(settings)


async def _stop_all(made: Assembly, settings: Settings) -> None:
    turn = asyncio.Semaphore(_STOP_AT_A_TIME)

    async def stop(container_id: str) -> None:
        async with turn:
            try:
                await made.engine.containers.stop(container_id, timeout_s=None, signal=None)
            except EngineError as error:
                log.warning("stop of %s: %s", container_id, error.message)

    running = [container.id for container in made.registry if container.state.status.running]
    patience = settings.shutdown_timeout_s if settings.shutdown_timeout_s >= 0 else None
    try:
        async with asyncio.timeout(patience):
            await asyncio.gather(*map(stop, running))
    except TimeoutError:
        left = [container.id for container in made.registry if container.state.status.running]
        log.warning("%d containers did not stop within %d s and are killed", len(left), settings.shutdown_timeout_s)
        for container_id in left:
            with contextlib.suppress(EngineError):
                await made.engine.containers.kill(container_id, "KILL")


def main(argv: Sequence[str]) -> int:
    """`fairlead daemon`."""
    try:
        settings = config.parse(argv)
    except config.ConfigError as error:
        sys.stderr.write(f"fairlead daemon: {error}\n")
        return 2
    if os.geteuid() != 0:
        sys.stderr.write("fairlead daemon: needs root\n")
        return 1
    logging.basicConfig(
        stream=sys.stderr,
        level=reload.level(settings),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    os.umask(0o022)
    os.chdir("/")
    heap.settle()
    process.open_many_files()
    try:
        asyncio.run(serve(settings, lambda: config.parse(argv)))
    except EngineError as error:
        log.error("%s", error.message)
        return 1
    return 0
