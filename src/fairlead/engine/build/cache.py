"""The build cache: the image that an earlier build made of the same parent by the same step.

After the first miss of a stage nothing more is looked up, since what follows stands on new ground. `--cache-from` adds
images whose history fits, wherever they were built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from fairlead.engine.images import Images
from fairlead.errors import EngineError, NotFound
from fairlead.images import layers
from fairlead.model.container import Config
from fairlead.model.image import Image


def key_of(parent: Image | None, config: Config, *parts: object) -> str:
    """What must be equal: the parent, the configuration the step leaves, and the step itself."""
    text = json.dumps([parent.id if parent else "scratch", repr(config), *map(str, parts)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Cache:
    """Of one stage."""

    def __init__(self, images: Images, sources: Sequence[str], *, enabled: bool) -> None:
        self._images = images
        self._sources = [image for ref in sources if (image := _image(images, ref))]
        self._open = enabled

    async def probe(self, key: str, parent: Image | None, config: Config, created_by: str) -> Image | None:
        if not self._open:
            return None
        found = self._local(key) or await self._foreign(key, parent, config, created_by)
        self._open = found is not None
        return found

    def _local(self, key: str) -> Image | None:
        known = self._images.store.cached(key)
        try:
            return self._images.get(known) if known else None
        except NotFound:
            return None

    async def _foreign(self, key: str, parent: Image | None, config: Config, created_by: str) -> Image | None:
        """The same step in the history of a `--cache-from` image: its layers are taken over."""
        history = parent.history if parent else ()
        diff_ids = parent.diff_ids if parent else ()
        for source in self._sources:
            at = len(history)
            if len(source.history) <= at or source.history[at].created_by != created_by:
                continue
            if source.history[:at] != history or source.diff_ids[: len(diff_ids)] != diff_ids:
                continue
            image = source if len(source.history) == at + 1 else await self._part(source, parent, config, at)
            self._images.store.cache(key, image.id)
            return image
        return None

    async def _part(self, source: Image, parent: Image | None, config: Config, at: int) -> Image:
        """An image of the first steps of another one."""
        entry = source.history[at]
        below = len(parent.diff_ids) if parent else 0
        diff_id = None if entry.empty_layer else source.diff_ids[below]
        return await self._images.put(self._images.child(parent, config, entry, diff_id), None)


def _image(images: Images, ref: str) -> Image | None:
    """Sources that are not here (or whose layers are not) are passed over, as Docker does."""
    try:
        image = images.get(ref)
    except EngineError:
        return None
    chains = layers.chain_ids(image.diff_ids)
    return image if len(images.store.directories(chains)) == len(set(chains)) else None
