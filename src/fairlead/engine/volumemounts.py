"""Volumes of containers that run: those whose data lie elsewhere are mounted meanwhile, and of all of them it is told
who takes and leaves them."""

from __future__ import annotations

from fairlead.engine import volumeoptions
from fairlead.engine.events import Events
from fairlead.engine.registry import Registry
from fairlead.engine.volumes import Volumes
from fairlead.errors import SystemFailure
from fairlead.linux import mounts
from fairlead.model.container import Container, Mount


class VolumeMounts:
    def __init__(self, registry: Registry, volumes: Volumes, events: Events) -> None:
        self._registry = registry
        self._volumes = volumes
        self._events = events

    def hold(self, container: Container) -> None:
        """The container is about to start."""
        try:
            self._mount(container)
        except SystemFailure:
            self.let_go(container)
            raise

    def _mount(self, container: Container) -> None:
        for mount in _volumes(container):
            volume = self._volumes.find(mount.name)
            if volume is not None and volume.options:
                volumeoptions.ensure(volume)
            self._events.other(
                "volume", "mount", mount.name, driver="local", container=container.id, destination=mount.target,
                propagation=mount.propagation, **{"read/write": str(not mount.read_only).lower()},
            )  # fmt: skip

    def let_go(self, container: Container) -> None:
        """The container has ended, or did not start. What others still use stays."""
        for mount in _volumes(container):
            volume = self._volumes.find(mount.name)
            if volume is not None and volume.options and not self._used(mount.name, container.id):
                mounts.umount(volume.mountpoint, lazy=True)
            self._events.other("volume", "unmount", mount.name, driver="local", container=container.id)

    def _used(self, name: str, but: str) -> bool:
        running = (other for other in self._registry if other.state.status.running and other.id != but)
        return any(mount.name == name for other in running for mount in _volumes(other))


def _volumes(container: Container) -> list[Mount]:
    return [mount for mount in container.mounts if mount.type == "volume"]
