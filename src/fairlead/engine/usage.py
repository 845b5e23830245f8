"""How much of the disk containers, images and volumes take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from fairlead.engine import trees
from fairlead.engine.images import Images
from fairlead.engine.registry import Registry
from fairlead.engine.volumes import Volumes
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Container
from fairlead.model.request import ContainerView, DiskUsage, ImageUsage, VolumeUsage


class Usage:
    def __init__(self, registry: Registry, images: Images, volumes: Volumes, snapshots: Snapshots) -> None:
        self._registry = registry
        self._images = images
        self._volumes = volumes
        self._snapshots = snapshots

    async def sized(self, seen: ContainerView) -> ContainerView:
        """With the size of what the container wrote, and of all it sees."""
        own = await trees.size(self._snapshots.upper(seen.container.id))
        image = self._images.below(seen.container.image_id)
        return replace(seen, size_rw_bytes=own, size_root_bytes=own + (image.size_bytes if image else 0))

    async def df(self, kinds: Collection[str], view: Callable[[Container], ContainerView]) -> DiskUsage:
        """`kinds`: image, container, volume."""
        images, layers_bytes = self._image_usage() if "image" in kinds else (None, 0)
        return DiskUsage(
            layers_bytes=layers_bytes,
            images=images,
            containers=await self._container_usage(view) if "container" in kinds else None,
            volumes=await self._volume_usage() if "volume" in kinds else None,
        )

    def _image_usage(self) -> tuple[tuple[ImageUsage, ...], int]:
        shown, shared = self._images.list(all=False, filters={}), self._images.shared_sizes()
        users = Counter(container.image_id for container in self._registry)
        sizes: dict[str, int] = {}
        for image in shown:
            sizes |= zip(image.chain_ids, self._images.layer_sizes(image.id), strict=False)
        found = tuple(ImageUsage(image, shared.get(image.id, 0), users[image.id]) for image in shown)
        return found, sum(sizes.values())

    async def _container_usage(self, view: Callable[[Container], ContainerView]) -> tuple[ContainerView, ...]:
        return tuple([await self.sized(view(container)) for container in reversed(list(self._registry))])

    async def _volume_usage(self) -> tuple[VolumeUsage, ...]:
        found = []
        for volume in await self._volumes.list({}):
            size = await trees.size(Path(volume.mountpoint))
            found.append(VolumeUsage(volume, size, self._volumes.references(volume)))
        return tuple(found)
