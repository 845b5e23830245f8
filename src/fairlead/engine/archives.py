"""`load` and `save`: archives of images in and out, streaming. What is refused leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairlead import ids
from fairlead.engine.images import Images
from fairlead.errors import InvalidParameter
from fairlead.images import archive, job, layers, manifest, reference
from fairlead.images.archive import Archived, Saved
from fairlead.images.layers import Unpacked
from fairlead.model.image import Image

Progress = AsyncIterator[Mapping[str, Any]]
_LIMIT = 1 << 40


async def load(images: Images, chunks: AsyncIterator[bytes], *, quiet: bool) -> Progress:
    """Takes the images of an archive in."""
    work = Path(tempfile.mkdtemp(prefix="load-", dir=images.layers.root))
    try:
        await job.run("unpack", {"target": str(work), "limit": _LIMIT, "site": job.site()}, chunks=chunks)
        found = archive.read(work)
        if not found:
            raise InvalidParameter("invalid archive: it holds no image for this machine")
        for entry in found:
            async for row in _load_one(images, work, entry, quiet=quiet):
                yield row
    finally:
        shutil.rmtree(work, ignore_errors=True)


async def _load_one(images: Images, work: Path, entry: Archived, *, quiet: bool) -> Progress:
    draft = manifest.parse_image(entry.config, "", ())
    if len(draft.diff_ids) != len(entry.layers):
        raise InvalidParameter(
            f"invalid manifest, layers length mismatch: expected {len(draft.diff_ids)}, got {len(entry.layers)}"
        )
    names = [str(reference.parse(name).tagged()) for name in entry.names]
    chains = layers.chain_ids(draft.diff_ids)
    known = images.store.directories(chains)
    brought: list[tuple[str, Unpacked]] = []
    try:
        for chain, diff_id, name in zip(chains, draft.diff_ids, entry.layers, strict=True):
            if chain in known:
                continue
            if not quiet:
                yield {"status": "Loading layer", "progressDetail": {}, "id": ids.short(diff_id)}
            brought.append((chain, await _layer(images, work, name, diff_id)))
        image_id = images.blobs.put(entry.config)
        image = images.add(manifest.parse_image(entry.config, image_id, chains), brought)
    except BaseException:
        await images.layers.remove(*(layer.directory for _, layer in brought))
        raise
    for name in names:
        images.name(image.id, name)
        yield {"stream": f"Loaded image: {name}\n"}
    if not names:
        yield {"stream": f"Loaded image ID: {image.id}\n"}


async def _layer(images: Images, work: Path, name: str, diff_id: str) -> Unpacked:
    fd = archive.open_file(work, name)
    try:
        layer = await images.layers.unpack(stdin=fd)
    finally:
        os.close(fd)
    if layer.diff_id != diff_id:
        await images.layers.remove(layer.directory)
        raise InvalidParameter(f"invalid diffID for layer: expected {diff_id!r}, got {layer.diff_id!r}")
    return layer


async def save(images: Images, names: Sequence[str]) -> AsyncIterator[bytes]:
    """One tar that is docker-archive and OCI layout at once, as Docker's is."""
    chosen: dict[str, tuple[Image, list[str]]] = {}
    for name in names:
        image = images.get(name)
        _, tags = chosen.setdefault(image.id, (image, []))
        tags += _tags(image, name)
    async for chunk in job.output("assemble", {"members": _members(images, chosen)}):
        yield chunk


def _tags(image: Image, name: str) -> list[str]:
    """The names that an archive carries for what the user asked for."""
    try:
        tag = str(reference.parse(name).tagged())
    except InvalidParameter:
        return []
    return [tag] if tag in image.references else []


def _members(images: Images, chosen: Mapping[str, tuple[Image, list[str]]]) -> list[dict[str, Any]]:
    described: list[Saved] = []
    trees: dict[str, dict[str, Any]] = {}
    for image, tags in chosen.values():
        rows = []
        for diff_id, chain in zip(image.diff_ids, image.chain_ids, strict=True):
            directory = images.store.directories([chain])[chain]
            size = images.layers.tar_size(directory)
            rows.append((diff_id, size))
            trees[archive.blob(diff_id)] = {
                "name": archive.blob(diff_id),
                "size": size,
                "digest": diff_id,
                "tree": str(images.layers.diff(directory)),
                "recipe": str(images.layers.recipe(directory)),
            }
        described.append(Saved(images.blobs.get(image.id), image.id, tuple(rows), tuple(dict.fromkeys(tags))))
    return [*trees.values(), *archive.documents(described)]
