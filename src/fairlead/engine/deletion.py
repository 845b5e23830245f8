"""What `rmi` and `image prune` delete, and what they refuse: Docker's rules (moby, daemon/images/image_delete.go)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead import ids
from fairlead.engine import pruning
from fairlead.engine.images import Images
from fairlead.errors import Conflict
from fairlead.images import reference
from fairlead.model.container import Container
from fairlead.model.image import Image

Steps = list[tuple[str, str]]


async def remove(
    images: Images, ref: str, *, force: bool, noprune: bool, users: Sequence[Container]
) -> Sequence[tuple[str, str]]:
    """A name is untagged, with the digests of its repository once no tag of it is left; the last name, or an id,
    deletes the image."""
    deletion = Deletion(images, users)
    image = images.get(ref)
    if image.id.startswith((ref, f"sha256:{ref}")):
        if _single(image):
            deletion.check(image, force=force, names=False)
            deletion.untag(image, _names(image))
        await deletion.delete(image, force=force, prune=not noprune, quiet=False)
        return deletion.steps
    used = deletion.user(image)
    if used is not None and not force and _single(image):
        raise Conflict(
            f'conflict: unable to remove repository reference "{ref}" (must force) - container '
            f"{ids.short(used.id)} is using its referenced image {ids.short(image.id)}"
        )
    deletion.untag(image, _with_digests(image, str(reference.parse(ref).tagged())))
    if not _names(images.get(image.id)):
        await deletion.delete(image, force=force, prune=not noprune, quiet=True)
    return deletion.steps


async def prune(
    images: Images, filters: Mapping[str, Sequence[str]], users: Sequence[Container]
) -> tuple[Sequence[tuple[str, str]], int]:
    """Dangling images, or (`dangling=false`) all without a container; and how many bytes that freed."""
    every = not pruning.truth(filters, "dangling", default=True)
    selection = pruning.Selection(filters)
    deletion = Deletion(images, users)
    before = images.store.bytes()
    for image in images.list(all=False, filters={}):
        if (image.references and not every) or deletion.user(image):
            continue
        if not selection.takes(image.config.labels, image.created):
            continue
        if images.by_id(image.id) is None or images.pinned(image.id):
            continue
        deletion.untag(image, _names(image))
        await deletion.delete(image, force=False, prune=True, quiet=True)
    return deletion.steps, before - images.store.bytes()


def _names(image: Image) -> tuple[str, ...]:
    return tuple(sorted((*image.references, *image.digests), key=reference.canonical))


def _repository(name: str) -> str:
    return name.partition("@")[0] if "@" in name else name.rpartition(":")[0]


def _single(image: Image) -> bool:
    """At most one tag, and digests of its repository only."""
    if len(_names(image)) <= 1:
        return True
    repositories = {_repository(name) for name in image.digests}
    first = _repository(image.references[0] if image.references else image.digests[0])
    return len(image.references) <= 1 and repositories == {first}


def _with_digests(image: Image, name: str) -> list[str]:
    others = [_repository(ref) for ref in image.references if ref != name]
    if "@" in name or _repository(name) in others:
        return [name]
    return [name, *(digest for digest in image.digests if _repository(digest) == _repository(name))]


@dataclass
class Deletion:
    images: Images
    users: Sequence[Container]
    steps: Steps = field(default_factory=list)

    def user(self, image: Image, *, running: bool = False) -> Container | None:
        """A container of the image, a running one first."""
        found = [c for c in self.users if c.image_id == image.id]
        found.sort(key=lambda c: not c.state.status.running)
        return found[0] if found and (found[0].state.status.running or not running) else None

    def untag(self, image: Image, names: Iterable[str]) -> None:
        for name in names:
            self.images.unname(name)
            self.steps.append(("Untagged", name))

    def conflict(self, image: Image, *, force: bool, names: bool = True) -> tuple[Conflict, bool] | None:
        """Why it cannot be deleted, and whether a container is the reason."""
        used = self.user(image)
        if self.images.children(image.id):
            return _conflict(image, "cannot be forced", "image has dependent child images"), False
        if self.images.pinned(image.id):
            return _conflict(image, "cannot be forced", "image is being used by a running build or pull"), True
        if used is not None and used.state.status.running:
            text = f"image is being used by running container {ids.short(used.id)}"
            return _conflict(image, "cannot be forced", text), True
        if force:
            return None
        if names and _names(image):
            return _conflict(image, "must be forced", "image is referenced in multiple repositories"), False
        if used is not None:
            text = f"image is being used by stopped container {ids.short(used.id)}"
            return _conflict(image, "must be forced", text), True
        return None

    def check(self, image: Image, *, force: bool, names: bool) -> None:
        found = self.conflict(image, force=force, names=names)
        if found is not None:
            raise found[0]

    async def delete(self, image: Image, *, force: bool, prune: bool, quiet: bool) -> None:
        """The image, then what of its parents nothing needs. `quiet`: what is in use stays without complaint."""
        current = self.images.by_id(image.id)
        while current is not None:
            found = self.conflict(current, force=force)
            if found is not None:
                error, used = found
                if quiet and (_names(current) or self.images.children(current.id) or used):
                    return
                raise error
            parent = self.images.by_id(current.parent)
            self.untag(current, _names(current))
            gone = await self.images.discard(current)
            self.steps += [("Deleted", current.id), *(("Deleted", chain) for chain in gone)]
            current, force, quiet = (parent if prune else None), False, True


def _conflict(image: Image, may: str, why: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {ids.short(image.id)} ({may}) - {why}")
