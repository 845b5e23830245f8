"""`create`: everything is checked and resolved first, then made; a failure leaves nothing, not even the name."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime

from fairlead import ids
from fairlead.engine import admission, configuration, connect, mountpoints, names, platform
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.images import Images
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.engine.volumes import Volumes
from fairlead.errors import EngineError, InvalidParameter, NotFound
from fairlead.images.snapshots import Snapshots
from fairlead.linux import files
from fairlead.model.container import Config, Container, Endpoint, EndpointRequest, HostConfig, Mount
from fairlead.model.image import Image
from fairlead.model.request import CreateRequest, CreateResult


class Creator:
    def __init__(
        self,
        registry: Registry,
        images: Images,
        snapshots: Snapshots,
        volumes: Volumes,
        linker: Linker,
        topology: Topology,
        etc: EtcFiles,
        events: Events,
        ground: admission.Ground,
    ) -> None:
        self._registry = registry
        self._images = images
        self._snapshots = snapshots
        self._volumes = volumes
        self._linker = linker
        self._topology = topology
        self._etc = etc
        self._events = events
        self._ground = ground

    async def create(self, request: CreateRequest) -> CreateResult:
        name = names.check(request.name) if request.name else None
        image = self._images.get(request.config.image) if request.config.image else None
        remarks = platform.check(image, request.config.image, request.platform) if image else []
        container_id = ids.new_id()
        config = configuration.merge(request.config, image.config if image else None)
        path, args = configuration.command(config)
        host_config, warnings = admission.admit(self._resolve_modes(request.host_config), self._ground)
        config = self._with_hostname(config, host_config, container_id)
        with ExitStack() as undo:
            if image is not None:
                self._images.foundations.use(image.id)
                undo.callback(self._images.leave, image.id)
            chosen = name or names.generate(self._registry.taken, container_id)
            self._registry.reserve(chosen, container_id)
            undo.callback(self._registry.release, chosen)
            endpoints = self._endpoints(request, host_config)
            container = Container(
                id=container_id,
                name=chosen,
                generated_name=name is None,
                created=datetime.now(UTC),
                image=request.config.image,
                image_id=image.id if image else "",
                path=path,
                args=args,
                config=config,
                host_config=host_config,
                links=self._linker.resolve(host_config, endpoints),
                endpoints=endpoints,
                mounts=mountpoints.collect(config, host_config, self._donor),
            )
            container = await self._make(container, image, undo)
            undo.pop_all()
        self._events.container(container, "create")
        return CreateResult(container.id, (*request.remarks, *remarks, *warnings))

    async def _make(self, container: Container, image: Image | None, undo: ExitStack) -> Container:
        """Snapshot, directory, volumes, record: in this order, so that what is recorded is there."""
        self._snapshots.prepare(container.id, image)
        undo.callback(self._snapshots.remove, container.id)
        directory = self._etc.directory(container.id)
        directory.mkdir(parents=True, mode=0o710)
        undo.callback(files.remove_tree, directory)
        made = [mount for mount in container.mounts if mount.type == "volume" and self._volumes.ensure(mount)]
        undo.callback(self._volumes.release, made, container.id, remove_anonymous=True)
        container = replace(container, mounts=tuple(self._with_source(mount) for mount in container.mounts))
        self._volumes.use(container.mounts, container.id)
        if any(mount.type == "volume" and mount.copy_up for mount in container.mounts):
            await self._copy_up(container)
        self._registry.add(container)
        return container

    def _with_source(self, mount: Mount) -> Mount:
        return replace(mount, source=self._volumes.mountpoint(mount.name)) if mount.type == "volume" else mount

    async def _copy_up(self, container: Container) -> None:
        root = self._snapshots.mount(container.id)
        try:
            for mount in container.mounts:
                if mount.type == "volume" and mount.copy_up:
                    await self._volumes.copy_up(mount, root)
        finally:
            self._snapshots.umount(container.id)

    def _donor(self, ref: str) -> Container:
        try:
            return self._registry.get(ref)
        except NotFound as error:
            # 400 and not 404: at a 404 clients would pull an image.
            raise InvalidParameter(error.message) from error

    def _resolve_modes(self, host: HostConfig) -> HostConfig:
        """`container:name` becomes `container:<id>`, so that it survives a rename."""
        kind, colon, ref = host.network_mode.partition(":")
        if kind == "container" and colon:
            host = replace(host, network_mode=f"container:{self._donor(ref).id}")
        return replace(host, pid_mode=self._by_id(host.pid_mode), ipc_mode=self._by_id(host.ipc_mode))

    def _by_id(self, mode: str) -> str:
        """A donor that is not there yet may come before the start."""
        kind, _, ref = mode.partition(":")
        if kind != "container":
            return mode
        with suppress(EngineError):
            return f"container:{self._registry.get(ref).id}"
        return mode

    def _with_hostname(self, config: Config, host: HostConfig, container_id: str) -> Config:
        if host.network_mode.startswith("container:"):
            donor = self._registry.get(host.network_mode.partition(":")[2])
            return replace(config, hostname=donor.config.hostname, domainname=donor.config.domainname)
        if not config.hostname and "host" in (host.network_mode, host.uts_mode):
            return replace(config, hostname=_host_name())
        return configuration.default_hostname(config, container_id)

    def _endpoints(self, request: CreateRequest, host: HostConfig) -> tuple[Endpoint, ...]:
        if host.network_mode.startswith("container:"):
            return ()
        given = dict(request.endpoints)
        first = given.pop(host.network_mode, EndpointRequest())
        return connect.requested([(host.network_mode, first), *given.items()], self._topology)


def _host_name() -> str:
    return os.uname().nodename
