"""`load` and `save`: archives of images in and out, streaming. What is refused leaves nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from fairlead import ids
from fairlead.engine import platform as platforms
from fairlead.engine.images import Images
from fairlead.errors import InvalidParameter, NotFound
from fairlead.images import archive, layers, legacy, manifest, reference
from fairlead.images.archive import Archived, Contents, Layer, Saved
from fairlead.images.layers import Unpacked
from fairlead.model.image import Image

Progress = AsyncIterator[Mapping[str, Any]]


async def load(images: Images, chunks: AsyncIterator[bytes], *, quiet: bool, platform: str = "") -> Progress:
    """Takes the images of an archive in, those for one platform alone if it is given: layers are unpacked while they
    arrive."""
    wanted = platforms.parse(platform) if platform else ("", "")
    loading = Loading(images, f"layer-{secrets.token_hex(12)}-")
    async with images.transit.hold(images.store.chains()):  # what the worker is told is here has to stay
        try:
            contents = await loading.receive(chunks)
            found = legacy.read(contents) if archive.is_legacy(contents) else archive.read(contents, *wanted)
            if not found and platform:
                raise NotFound(f"the archive does not provide the specified platform ({platform})")
            if not found:
                raise InvalidParameter("invalid archive: it holds no image for this machine")
            for entry in found:
                async for row in loading.image(contents, entry, quiet=quiet):
                    yield row
        finally:
            await loading.close()


class Loading:
    """One archive on its way in. The names of the layers it brings begin with `prefix`."""

    def __init__(self, images: Images, prefix: str) -> None:
        self._images = images
        self._prefix = prefix
        self._used: set[str] = set()
        """Names of layers in the archive whose directories are spoken for."""
        self._copies: set[str] = set()
        self._kept: set[str] = set()

    async def receive(self, chunks: AsyncIterator[bytes]) -> Contents:
        known = [diff_id.partition(":")[2] for diff_id in self._images.store.diff_ids()]
        arguments = {
            "root": str(self._images.layers.root),
            "prefix": self._prefix,
            "known": known,
            "limit": layers.DEFAULT_LIMIT,
        }
        return Contents(await self._images.layers.jobs.run("load", arguments, chunks=chunks))

    async def close(self) -> None:
        """Removes what became part of no image."""
        made = {path.name for path in self._images.layers.root.glob(f"{self._prefix}*")} | self._copies
        await self._images.layers.remove(*(made - self._kept))

    async def image(self, contents: Contents, entry: Archived, *, quiet: bool) -> Progress:
        images = self._images
        draft = manifest.parse_image(entry.config, "", ())
        if len(draft.diff_ids) != len(entry.layers):
            raise InvalidParameter(
                f"invalid manifest, layers length mismatch: expected {len(entry.layers)}, got {len(draft.diff_ids)}"
            )
        found = [contents.layer(name) for name in entry.layers]
        for number, (diff_id, (_, layer)) in enumerate(zip(draft.diff_ids, found, strict=True)):
            if layer.diff_id != diff_id:
                raise InvalidParameter(
                    f'invalid diffID for layer {number}: expected "{diff_id}", got "{layer.diff_id}"'
                )
        chains = layers.chain_ids(draft.diff_ids)
        async with images.transit.hold(chains):
            async for row in self._stored(entry, chains, found, quiet=quiet):
                yield row

    async def _stored(
        self, entry: Archived, chains: Sequence[str], found: Sequence[tuple[str, Layer]], *, quiet: bool
    ) -> Progress:
        images = self._images
        names = [str(reference.parse(name).tagged()) for name in entry.names]
        brought: list[tuple[str, Unpacked]] = []
        for chain, (name, layer) in zip(chains, found, strict=True):
            if not images.store.directories([chain]):
                brought.append((chain, await self._take(name, layer, [unpacked for _, unpacked in brought])))
                if not quiet:
                    total = {"current": layer.tar_size, "total": layer.tar_size}
                    yield {"status": "Loading layer", "progressDetail": total, "id": ids.short(layer.diff_id)}
        image_id = images.blobs.put(entry.config)
        image = images.add(manifest.parse_image(entry.config, image_id, chains), brought)
        if entry.came is not None:
            images.store.keep_manifest(image_id, entry.came)
        self._kept.update(images.store.directories(chains).values())
        for text in self._named(image, names):
            yield {"stream": text}
        images.noticed("load", image_id, image_id)

    def _named(self, image: Image, names: Sequence[str]) -> list[str]:
        for name in names:
            self._images.name(image.id, name)
        return [f"Loaded image: {name}\n" for name in names] or [f"Loaded image ID: {image.id}\n"]

    async def _take(self, name: str, layer: Layer, brought: Sequence[Unpacked]) -> Unpacked:
        """The layer's own directory; or, where another image has that, the same layer once more."""
        content = self._images.layers
        if layer.directory and name not in self._used:
            self._used.add(name)
            content.note(layer.directory, layer.tar_size)
            return Unpacked(
                layer.directory, layer.diff_id, layer.digest, layer.size, layer.tar_size, layer.compression
            )
        same = [unpacked.directory for unpacked in brought if unpacked.diff_id == layer.diff_id]
        source = (same or self._images.store.directories_of(layer.diff_id) or [layer.directory])[0]
        arguments = {"tree": str(content.diff(source)), "recipe": str(content.recipe(source))}
        made = await content.unpack(chunks=content.jobs.output("replay", arguments))
        self._copies.add(made.directory)
        return made


async def save(images: Images, names: Sequence[str]) -> AsyncIterator[bytes]:
    """One tar that is docker-archive and OCI layout at once, as Docker's is."""
    chosen: dict[str, tuple[Image, list[str]]] = {}
    for name in names:
        image = images.get(name)
        _, tags = chosen.setdefault(image.id, (image, []))
        tags += _tags(image, name)
    chains = [chain for image, _ in chosen.values() for chain in image.chain_ids]
    async with images.transit.hold(chains):
        async for chunk in images.layers.jobs.output("assemble", {"members": _members(images, chosen)}):
            yield chunk
    for image_id in chosen:
        images.noticed("save", image_id, image_id)


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
    return [*trees.values(), *archive.members(described)]
