"""Volumes: directories below the data root that outlive containers; named by the user, or anonymous."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fairlead import ids
from fairlead.engine import pruning, trees, volumeoptions
from fairlead.engine.events import Events
from fairlead.errors import Conflict, InvalidParameter, NotFound
from fairlead.linux import files, mounts, process
from fairlead.model.container import Mount
from fairlead.model.request import VolumeRequest
from fairlead.model.settings import Settings
from fairlead.model.volume import Volume
from fairlead.store.volumes import VolumeStore

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")


class Volumes:
    def __init__(self, settings: Settings, store: VolumeStore, events: Events) -> None:
        self._root = settings.data_root / "volumes"
        self._store = store
        self._events = events
        self._volumes: dict[str, Volume] = {}
        self._users: dict[str, set[str]] = {}

    def load(self, containers: Iterable[str]) -> None:
        """Reads the store; forgets users that are no containers any more."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o711)
        known = set(containers)
        self._volumes = {volume.name: volume for volume in self._store.load()}
        for name, container_id in self._store.users():
            if container_id in known:
                self._users.setdefault(name, set()).add(container_id)
            else:
                # A create that was killed: what it made for itself alone goes.
                self._store.release(container_id)
                if name in self._volumes and self._volumes[name].anonymous:
                    self._delete(self._volumes[name])
        for entry in self._root.iterdir():
            if entry.name not in self._volumes:
                self._erase(entry.name)

    # --- the API's verbs --------------------------------------------------------------------------------------

    async def list(self, filters: Mapping[str, Sequence[str]]) -> Sequence[Volume]:
        pruning.truth(filters, "dangling", default=True)  # refused also where there is no volume
        return [volume for _, volume in sorted(self._volumes.items()) if self._matches(volume, filters)]

    async def create(self, request: VolumeRequest) -> Volume:
        if request.driver != "local":
            driver = request.driver
            raise NotFound(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
        if request.name and not _NAME.match(request.name):
            raise InvalidParameter(
                f'create {request.name}: "{request.name}" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            )
        volumeoptions.check(request.name, request.options)
        name = request.name or ids.new_id()
        known = self._volumes.get(name)
        return known or self._make(
            name, anonymous=not request.name, labels=request.labels, options=request.options
        )

    async def inspect(self, name: str) -> Volume:
        return self._get(name)

    async def remove(self, name: str, *, force: bool) -> None:
        if force and name not in self._volumes:
            return
        volume = self._get(name)
        if users := self._users.get(name):
            raise Conflict(f"remove {name}: volume is in use - [{', '.join(sorted(users))}]")
        self._delete(volume)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[Sequence[str], int]:
        """Unused anonymous volumes; with `all`, named ones too."""
        everything = pruning.truth(filters, "all", default=False)
        chosen = pruning.Selection(filters)
        gone = [
            volume
            for volume in list(self._volumes.values())
            if not self._users.get(volume.name)
            and (everything or volume.anonymous)
            and chosen.takes(volume.labels, None)
        ]
        freed = 0
        for volume in gone:
            freed += await trees.size(Path(volume.mountpoint))
            if not self._users.get(volume.name):  # still
                self._delete(volume)
        self._events.other("volume", "prune", "", reclaimed=str(freed))
        return [volume.name for volume in gone], freed

    def find(self, name: str) -> Volume | None:
        return self._volumes.get(name)

    def references(self, volume: Volume) -> int:
        """How many containers use it."""
        return len(self._users.get(volume.name, ()))

    # --- for containers ---------------------------------------------------------------------------------------

    def mountpoint(self, name: str) -> str:
        return str(self._root / name / "_data")

    def ensure(self, mount: Mount) -> bool:
        """Makes the volume of a mount if there is none; whether it was made."""
        if mount.name in self._volumes:
            return False
        self._make(mount.name, anonymous=mount.anonymous, labels=mount.labels, options=mount.driver_options)
        return True

    def use(self, taken: Iterable[Mount], container_id: str) -> None:
        names = [mount.name for mount in taken if mount.type == "volume"]
        self._store.use(names, container_id)
        for name in names:
            self._users.setdefault(name, set()).add(container_id)

    def release(self, taken: Iterable[Mount], container_id: str, *, remove_anonymous: bool) -> None:
        """The container is gone; its anonymous volumes go with it if nobody else uses them."""
        names = [mount for mount in taken if mount.type == "volume"]
        if not names:
            return
        self._store.release(container_id)
        for mount in names:
            users = self._users.get(mount.name, set())
            users.discard(container_id)
            if not users:
                self._users.pop(mount.name, None)
                if remove_anonymous and mount.anonymous and mount.name in self._volumes:
                    self._delete(self._volumes[mount.name])

    async def copy_up(self, mount: Mount, root: Path) -> None:
        """Fills an empty volume with what the image has at its target, once, owner and mode included."""
        volume = self._volumes[mount.name]
        if not volume.options:
            await self._fill(mount, root)
            return
        used = mounts.is_mounted(volume.mountpoint)
        volumeoptions.ensure(volume)
        try:
            await self._fill(mount, root)
        finally:
            if not used:
                mounts.umount(volume.mountpoint, lazy=True)

    async def _fill(self, mount: Mount, root: Path) -> None:
        data = Path(self.mountpoint(mount.name))
        if any(data.iterdir()):
            return
        try:
            source = files.open_in_root(root, mount.target, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return
        try:
            info = os.fstat(source)
            os.chown(data, info.st_uid, info.st_gid)
            data.chmod(info.st_mode & 0o7777)
            if next(os.scandir(source), None) is not None:
                await process.run(["cp", "-a", "/proc/self/fd/3/.", f"{data}/"], fds={3: source})
        finally:
            os.close(source)

    def _get(self, name: str) -> Volume:
        if name not in self._volumes:
            raise NotFound(f"get {name}: no such volume")
        return self._volumes[name]

    def _make(
        self, name: str, *, anonymous: bool, labels: Mapping[str, str], options: Mapping[str, str]
    ) -> Volume:
        path = Path(self.mountpoint(name))
        volume = Volume(
            name=name, created=datetime.now(UTC), mountpoint=str(path), anonymous=anonymous, labels=dict(labels),
            options=dict(options),
        )  # fmt: skip
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
        self._store.save(volume)
        self._volumes[name] = volume
        self._events.other("volume", "create", name, driver="local")
        return volume

    def _delete(self, volume: Volume) -> None:
        self._store.delete(volume.name)
        del self._volumes[volume.name]
        self._erase(volume.name)
        self._events.other("volume", "destroy", volume.name, driver="local")

    def _erase(self, name: str) -> None:
        """The directory. What is mounted there belongs to somebody else, and stays."""
        mounts.umount(self.mountpoint(name), lazy=True)
        files.remove_tree(self._root / name)

    def _matches(self, volume: Volume, filters: Mapping[str, Sequence[str]]) -> bool:
        if filters.get("dangling"):
            unused = not self._users.get(volume.name)
            if unused != pruning.truth(filters, "dangling", default=True):
                return False
        if not all(pruning.has_label(volume.labels, text) for text in filters.get("label", ())):
            return False
        return all(
            any(self._matches_one(volume, name, value) for value in values)
            for name, values in filters.items()
            if values
        )

    def _matches_one(self, volume: Volume, name: str, value: str) -> bool:
        match name:
            case "name":
                return value in volume.name
            case "driver":
                return volume.driver == value
        return True
