from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.daemon.supervise import Supervisor
from fairlead.engine import deletion
from fairlead.engine.events import Events
from fairlead.engine.images import Images
from fairlead.errors import Conflict
from fairlead.images.blobs import Blobs
from fairlead.images.job import Jobs
from fairlead.images.layers import Layers
from fairlead.images.transfers import Transfers
from fairlead.model.container import Config
from fairlead.model.image import HistoryEntry, Image
from fairlead.model.settings import Settings
from fairlead.store.database import Database
from fairlead.store.images import ImageStore


def with_images(root: Path, work: Callable[[Images], Awaitable[None]]) -> None:
    async def run() -> None:
        content = Layers(root / "overlay2", Jobs())
        with closing(Database(":memory:")) as database:
            store = ImageStore(database)
            await work(Images(store, content, Blobs(root / "blobs"), Events(), Transfers(Settings()), Supervisor()))

    asyncio.run(run())


async def made(images: Images, parent: Image | None = None) -> Image:
    """An image without layers and names."""
    entry = HistoryEntry(created=datetime.now(UTC), empty_layer=True)
    return await images.put(images.child(parent, Config(), entry, None), None)


def test_image_that_a_pull_or_build_pins_is_neither_pruned_nor_removed(tmp_path: Path) -> None:
    async def work(images: Images) -> None:
        image = await made(images)
        with images.pinning() as pin:
            pin(image)
            assert await deletion.prune(images, {}, []) == ([], 0)
            with pytest.raises(Conflict, match="is being used by a running build or pull"):
                await deletion.remove(images, image.id, force=True, noprune=False, users=[])
        assert await deletion.prune(images, {}, []) == ([("Deleted", image.id)], 0)

    with_images(tmp_path, work)


def test_pinned_by_two_it_stays_until_both_have_left(tmp_path: Path) -> None:
    async def work(images: Images) -> None:
        image = await made(images)
        with images.pinning() as pin:
            pin(image)
            with images.pinning() as other:
                other(image)
            assert images.pinned(image.id)
        assert not images.pinned(image.id)

    with_images(tmp_path, work)


def test_parent_without_name_goes_with_its_last_child(tmp_path: Path) -> None:
    async def work(images: Images) -> None:
        parent = await made(images)
        child = await made(images, parent)
        with pytest.raises(Conflict, match="image has dependent child images"):
            await deletion.remove(images, parent.id, force=True, noprune=False, users=[])
        steps = await deletion.remove(images, child.id, force=False, noprune=False, users=[])
        assert steps == [("Deleted", child.id), ("Deleted", parent.id)]

    with_images(tmp_path, work)
