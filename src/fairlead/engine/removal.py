"""A container goes for good: snapshot, directory, volumes, leases, links to it, record and name.

Who reads its files at this moment (cp, export, commit) reads them to the end: they go from the disk after that.
"""

from __future__ import annotations

from dataclasses import replace

from fairlead.engine import state
from fairlead.engine.attach import Attachments
from fairlead.engine.connect import Connector
from fairlead.engine.disposal import Disposer
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.exec import Execs
from fairlead.engine.health import HealthChecks
from fairlead.engine.images import Images
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.engine.volumes import Volumes
from fairlead.engine.waiters import Waiters
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Container, Status
from fairlead.model.request import ExitResult


class Remover:
    def __init__(
        self,
        registry: Registry,
        images: Images,
        snapshots: Snapshots,
        volumes: Volumes,
        connector: Connector,
        linker: Linker,
        etc: EtcFiles,
        attachments: Attachments,
        execs: Execs,
        disposer: Disposer,
        health: HealthChecks,
        waiters: Waiters,
        events: Events,
    ) -> None:
        self._registry = registry
        self._images = images
        self._snapshots = snapshots
        self._volumes = volumes
        self._connector = connector
        self._linker = linker
        self._etc = etc
        self._attachments = attachments
        self._execs = execs
        self._disposer = disposer
        self._health = health
        self._waiters = waiters
        self._events = events

    def remove(self, container: Container, *, volumes: bool) -> None:
        """Of a container that does not run. Does not await: it is there, or it is gone.

        The status is stored first: what a killed daemon left half removed, the next one removes. (One with `--rm`
        needs no mark.)
        """
        if container.state.status is not Status.REMOVING and not container.host_config.auto_remove:
            container = self._registry.save(replace(container, state=state.removing(container.state)))
        self._linker.source_removed(container)
        self._connector.forget(container)
        self._volumes.release(container.mounts, container.id, remove_anonymous=volumes)
        self._registry.remove(container)
        self._snapshots.retire(container.id, lambda: self._dispose(container))
        self._attachments.forget(container.id)
        self._execs.forget(container.id)
        self._health.forget(container.id)
        self._events.container(container, "destroy")
        self._waiters.removed(container.id, ExitResult(container.state.exit_code))

    def _dispose(self, container: Container) -> None:
        self._disposer.dispose([self._snapshots.merged(container.id).parent, self._etc.directory(container.id)])
        self._images.leave(container.image_id)
