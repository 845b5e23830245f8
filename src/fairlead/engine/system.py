"""Facts about the engine as a whole, for /info, /version and /system/df."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairlead.engine.images import Images
from fairlead.engine.registry import Registry
from fairlead.engine.volumes import Volumes
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Status


class System:
    def __init__(self, registry: Registry, images: Images, volumes: Volumes, snapshots: Snapshots) -> None:
        self._registry = registry
        self._images = images
        self._volumes = volumes
        self._snapshots = snapshots

    async def info(self) -> Mapping[str, Any]:
        statuses = [container.state.status for container in self._registry]
        paused = statuses.count(Status.PAUSED)
        running = sum(status.running for status in statuses) - paused
        return {
            "Containers": len(statuses),
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": len(statuses) - running - paused,
            "Images": len(self._images.list(all=True, filters={})),
            "NFd": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        }

    async def version(self) -> Mapping[str, Any]:
        return {}

    async def df(self) -> Mapping[str, Any]:
        images = self._images.list(all=False, filters={})
        used = [container.image_id for container in self._registry]
        return {
            "LayersSize": sum(image.size_bytes for image in images),
            "Images": [
                {
                    "Id": image.id,
                    "ParentId": image.parent,
                    "RepoTags": list(image.references) or None,
                    "RepoDigests": list(image.digests) or None,
                    "Created": int(image.created.timestamp()) if image.created else 0,
                    "Size": image.size_bytes,
                    "SharedSize": 0,
                    "Labels": dict(image.labels),
                    "Containers": used.count(image.id),
                }
                for image in images
            ],
            "Containers": [
                {
                    "Id": container.id,
                    "Names": list(self._registry.names(container)),
                    "Image": container.image,
                    "ImageID": container.image_id,
                    "Created": int(container.created.timestamp()),
                    "State": container.state.status.value,
                    "SizeRw": self._snapshots.size(container.id),
                }
                for container in self._registry
            ],
            "Volumes": [
                {
                    "Name": volume.name,
                    "Driver": volume.driver,
                    "Mountpoint": volume.mountpoint,
                    "Scope": "local",
                    "Labels": dict(volume.labels),
                    "Options": None,
                    "UsageData": {"Size": self._volumes.size(volume), "RefCount": self._volumes.references(volume)},
                }
                for volume in await self._volumes.list({})
            ],
            "BuildCache": [],
        }
