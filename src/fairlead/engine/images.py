"""Images as Docker's verbs see them: look-up, lists, tags, removal, import. (Load and save: archives.py.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairlead import ids
from fairlead.engine import imagelist
from fairlead.engine import platform as platforms
from fairlead.engine.events import Events
from fairlead.engine.foundations import Foundations
from fairlead.engine.tasks import Tasks
from fairlead.engine.transit import Transit
from fairlead.errors import InvalidParameter, NotFound, SystemFailure
from fairlead.images import layers, manifest, reference
from fairlead.images.blobs import Blobs
from fairlead.images.layers import Layers, Unpacked
from fairlead.images.reference import Reference
from fairlead.images.transfers import Transfers
from fairlead.model.container import Config, Container
from fairlead.model.image import HistoryEntry, Image
from fairlead.model.request import ImportRequest, RegistryLogin
from fairlead.store.images import ImageStore

Progress = AsyncIterator[Mapping[str, Any]]
Pin = Callable[[Image], Image]


class Images:
    """All images of this engine; kept in memory, written through to the store."""

    def __init__(
        self, store: ImageStore, content: Layers, blobs: Blobs, events: Events, transfers: Transfers, tasks: Tasks
    ) -> None:
        self.store = store
        self.layers = content
        self.blobs = blobs
        self.transfers = transfers
        self.transit = Transit(store, content)
        self.foundations = Foundations(store)
        self._events = events
        self._tasks = tasks
        self._pins: Counter[str] = Counter()
        self._by_id: dict[str, Image] = {image.id: _sorted(image) for image in store.load()}
        self._by_name: dict[str, str] = {
            name: i.id for i in self._by_id.values() for name in (*i.references, *i.digests)
        }
        self._meanings: dict[str, str] = {}
        """Reference as a user typed it → image id, '' for none: what lists ask again and again."""

    async def sweep(self) -> None:
        """Removes what a killed daemon left half done: layers without a row, blobs without an image. Containers have
        said what they stand upon."""
        for image_id in self.foundations.abandoned():
            self._raze(image_id)
        self.store.collect(())
        await self.layers.remove(*self.layers.strangers(self.store.all_directories()))
        self.blobs.sweep(set(self._by_id))

    # -- look-up ---------------------------------------------------------------------------------

    def get(self, ref: str, *, platform: str = "") -> Image:
        """By name, id or unique start of an id. Raises NotFound with Docker's text, also where the image is for
        another platform than the wanted one."""
        found = self._find(ref)
        if found is None:
            raise NotFound(f"No such image: {_shown(ref)}")
        if platform:
            platforms.check(found, ref, platform)
        return found

    def by_id(self, image_id: str) -> Image | None:
        return self._by_id.get(image_id)

    def below(self, container_image_id: str) -> Image | None:
        """What a container stands upon, also if it is deleted; it is then no parent of another image."""
        departed = self.foundations.departed(container_image_id)
        return replace(departed, id="") if departed is not None else self.by_id(container_image_id)

    def tags_of(self, ref: Reference) -> list[str]:
        """The names with tags of a repository."""
        prefix = f"{ref.name}:"
        return sorted(name for name in self._by_name if name.startswith(prefix) and "@" not in name)

    def children(self, image_id: str) -> list[Image]:
        return [image for image in self._by_id.values() if image.parent == image_id]

    def _find(self, ref: str) -> Image | None:
        full = ref if ref.startswith("sha256:") else f"sha256:{ref}"
        if full in self._by_id:
            return self._by_id[full]
        try:
            name = str(reference.parse(ref).tagged())
        except InvalidParameter:
            if not ids.is_prefix(ref.removeprefix("sha256:")):
                raise
        else:
            if name in self._by_name:
                return self._by_id[self._by_name[name]]
        if not ids.is_prefix(ref.removeprefix("sha256:")):
            return None
        matches = [image for image_id, image in self._by_id.items() if image_id.startswith(full)]
        if len(matches) > 1:
            raise InvalidParameter(f"multiple IDs found with provided prefix: {ref}")
        return matches[0] if matches else None

    def shown(self, ref: str, image_id: str) -> str:
        """What a list calls an image that was asked for as `ref`: its id once that means another, or nothing."""
        meaning = self._meanings.get(ref)
        if meaning is None:
            try:
                found = self._find(ref)
            except InvalidParameter:
                found = None
            meaning = self._meanings[ref] = found.id if found else ""
        return ref if meaning == image_id else image_id

    def directories(self, chains: Sequence[str]) -> list[Path]:
        """Trees of layers, lowest first."""
        known = self.store.directories(chains)
        missing = [chain for chain in chains if chain not in known]
        if missing:
            raise SystemFailure(f"layer {missing[0]} is missing from the store")
        return [self.layers.diff(known[chain]) for chain in chains]

    def list(self, *, all: bool, filters: Mapping[str, Sequence[str]]) -> list[Image]:
        """Newest first. Without `all` intermediate images of builds are left out."""
        return imagelist.choose(self._by_id.values(), filters, self.get, every=all)

    def descends(self, image_id: str, ancestor_id: str) -> bool:
        """Whether an image is another, or was built upon it."""
        while image_id and image_id != ancestor_id:
            found = self._by_id.get(image_id)
            image_id = found.parent if found is not None else ""
        return bool(image_id)

    def line(self, ref: str) -> Sequence[Image]:
        """An image and those it was built upon, as far as they are here."""
        found = [self.get(ref)]
        while (parent := self._by_id.get(found[-1].parent)) is not None:
            found.append(parent)
        return found

    def layer_sizes(self, ref: str) -> Sequence[int]:
        """Lowest first."""
        return [self.store.layer_size(chain) for chain in self.get(ref).chain_ids]

    def graph(self, ref: str) -> Mapping[str, str]:
        """Where its layers are, as inspect shows it; nothing for an image without any."""
        trees = self.directories(self.get(ref).chain_ids)
        if not trees:
            return {}
        top, *below = reversed(trees)
        lower = {"LowerDir": ":".join(map(str, below))} if below else {}
        base = top.parent
        return lower | {"MergedDir": f"{base}/merged", "UpperDir": str(top), "WorkDir": f"{base}/work"}

    def shared_sizes(self) -> Mapping[str, int]:
        """Bytes of each image's layers that other images have too; intermediate images of builds count for none."""
        shown = self.list(all=False, filters={})
        owners = Counter(chain for image in shown for chain in set(image.chain_ids))
        shared = {chain: self.store.layer_size(chain) for chain, number in owners.items() if number > 1}
        return {image.id: sum(shared.get(chain, 0) for chain in image.chain_ids) for image in shown}

    # -- change ----------------------------------------------------------------------------------

    def tag(self, ref: str, repo: str, tag: str) -> None:
        image = self.get(ref)
        parsed = reference.parse(f"{repo}:{tag}" if tag else repo).tagged()
        if parsed.digest:
            raise InvalidParameter("refusing to create a tag with a digest reference")
        if parsed.name == "sha256":
            raise InvalidParameter("refusing to create an ambiguous tag using digest algorithm as name")
        self.name(image.id, str(parsed))
        self._by_id[image.id] = replace(self._by_id[image.id], last_tagged=datetime.now(UTC))
        self.store.put(self._by_id[image.id])
        self._events.other("image", "tag", image.id, name=str(parsed))

    def name(self, image_id: str, name: str) -> None:
        """Moves a name (with tag or digest) to an image; whoever had it loses it."""
        self._meanings.clear()
        before = self._by_name.get(name)
        if before is not None:
            self._by_id[before] = _without(self._by_id[before], name)
        self.store.reference(name, image_id)
        self._by_name[name] = image_id
        image = self._by_id[image_id]
        if "@" in name:
            self._by_id[image_id] = replace(image, digests=tuple(sorted({*image.digests, name})))
        else:
            self._by_id[image_id] = _sorted(replace(image, references=tuple({*image.references, name})))

    def renamed(self, image_id: str, name: str) -> bool:
        """As `name`; whether that was anything new."""
        if self._by_name.get(name) == image_id:
            return False
        self.name(image_id, name)
        return True

    def unname(self, name: str) -> None:
        """Takes a name away."""
        image = self.get(name)
        self.store.unreference(name)
        self._meanings.clear()
        self._by_name.pop(name, None)
        self._by_id[image.id] = _without(self._by_id[image.id], name)
        self._events.other("image", "untag", image.id, name=image.id)

    async def discard(self, image: Image) -> Sequence[str]:
        """Deletes an image that nothing needs, with the layers that nothing else needs: their chain ids."""
        gone: Mapping[str, str] = {}
        if self.foundations.bears(image.id):
            self.foundations.depart(image)
        else:
            gone = self.store.remove(image.id, self.transit.held)
        self._meanings.clear()
        self._by_id.pop(image.id)
        self.blobs.remove(image.id)
        self._events.other("image", "delete", image.id, name=image.id)
        self.let_go(*gone.values())
        return [chain for chain in reversed(image.chain_ids) if chain in gone]

    def leave(self, image_id: str) -> None:
        """A container that stood upon it is gone."""
        if self.foundations.leave(image_id):
            self._raze(image_id)

    def _raze(self, image_id: str) -> None:
        self.foundations.forget(image_id)
        self.let_go(*self.store.remove(image_id, self.transit.held).values())

    @contextmanager
    def pinning(self) -> Iterator[Pin]:
        """Gives a function whose images stay, whoever prunes or removes them, until this is left."""
        mine: list[str] = []

        def pin(image: Image) -> Image:
            mine.append(image.id)
            self._pins[image.id] += 1
            return image

        try:
            yield pin
        finally:
            self._pins.subtract(mine)
            self._pins = +self._pins

    def pinned(self, image_id: str) -> bool:
        return image_id in self._pins

    def let_go(self, *directories: str) -> None:
        """Removes trees that nothing names any more; nobody waits for the disk. What a kill leaves is swept."""
        if aside := self.layers.set_aside(*directories):
            self._tasks.create_task(self.layers.remove(*aside), name="removal of layers")

    def noticed(self, action: str, ref: str, name: str) -> None:
        """An event about a reference (pull, push) or an image (load, save, import)."""
        self._events.other("image", action, ref, name=name)

    def add(self, image: Image, brought: Sequence[tuple[str, Unpacked]] = ()) -> Image:
        """Stores an image whose layers are on disk. `brought`: (chain id, layer) new with it.

        Raises SystemFailure if a layer that was there when the caller looked has gone since.
        """
        here = {*self.store.directories(image.chain_ids), *(chain for chain, _ in brought)}
        if gone := [chain for chain in image.chain_ids if chain not in here]:
            raise SystemFailure(f"layer {gone[0]} was deleted meanwhile")
        rows = []
        for position, chain in enumerate(image.chain_ids):
            parent = image.chain_ids[position - 1] if position else ""
            for made, layer in brought:
                if made == chain:
                    rows.append((chain, layer.diff_id, parent, layer.directory, layer.size_bytes))
        self.store.put(image, rows)
        size = sum(self.store.layer_size(chain) for chain in image.chain_ids)
        known = self._by_id.get(image.id)
        image = replace(image, size_bytes=size, references=known.references if known else (),
                        digests=known.digests if known else ())  # fmt: skip
        self.store.put(image)
        self.foundations.forget(image.id)
        self._meanings.clear()
        self._by_id[image.id] = image
        return image

    async def put(self, image: Image, layer: Unpacked | None) -> Image:
        """Gives an image its id and stores it; a layer that is already known under its chain id is dropped."""
        raw = manifest.render_image(image)
        image = replace(image, id=self.blobs.put(raw))
        if layer is None:
            return self.add(image)
        chain = image.chain_ids[-1]
        if self.store.directories([chain]):
            self.let_go(layer.directory)
            return self.add(image)
        return self.add(image, [(chain, layer)])

    def child(self, parent: Image | None, config: Config, entry: HistoryEntry, diff_id: str | None) -> Image:
        """An image on top of another: one more history entry, and one more layer if there is one."""
        below = parent.diff_ids if parent else ()
        diff_ids = (*below, diff_id) if diff_id else below
        return Image(
            id="",
            created=entry.created or datetime.now(UTC),
            config=replace(config, image="", hostname="", domainname=""),
            architecture=parent.architecture if parent else platforms.here(),
            author=entry.author or (parent.author if parent else ""),
            comment=entry.comment,
            parent=parent.id if parent else "",
            diff_ids=diff_ids,
            chain_ids=layers.chain_ids(diff_ids),
            history=(*(parent.history if parent else ()), entry),
        )

    async def remove(
        self, ref: str, *, force: bool, noprune: bool, users: Sequence[Container]
    ) -> Sequence[tuple[str, str]]:
        """`rmi` (deletion.py)."""
        from fairlead.engine import deletion

        return await deletion.remove(self, ref, force=force, noprune=noprune, users=users)

    async def prune(
        self, filters: Mapping[str, Sequence[str]], users: Sequence[Container]
    ) -> tuple[Sequence[tuple[str, str]], int]:
        """`image prune` (deletion.py)."""
        from fairlead.engine import deletion

        return await deletion.prune(self, filters, users)

    # -- in and out ------------------------------------------------------------------------------

    def import_(self, request: ImportRequest, body: AsyncIterator[bytes]) -> Progress:
        """An image of one layer from a root file system's tar (importing.py)."""
        from fairlead.engine import importing

        return importing.run(self, request, body)

    def load(self, chunks: AsyncIterator[bytes], *, quiet: bool, platform: str = "") -> Progress:
        """Images of an archive (archives.py)."""
        from fairlead.engine import archives

        return archives.load(self, chunks, quiet=quiet, platform=platform)

    def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        """An archive of images (archives.py)."""
        from fairlead.engine import archives

        return archives.save(self, names)

    def pull(
        self, name: str, tag: str, *, platform: str = "", login: RegistryLogin | None = None, every: bool = False
    ) -> Progress:
        """An image from a registry (pull.py); `every`: without tag and digest, all of the repository's."""
        from fairlead.engine import pull

        return pull.begin(self, name, tag, platform=platform, login=login or RegistryLogin(), every=every)

    def push(self, name: str, tag: str, login: RegistryLogin) -> Progress:
        """An image to a registry (push.py)."""
        from fairlead.engine import push

        return push.begin(self, name, tag, login)


def _sorted(image: Image) -> Image:
    if len(image.references) < 2:
        return image
    return replace(image, references=tuple(sorted(image.references, key=reference.canonical)))


def _without(image: Image, name: str) -> Image:
    return replace(
        image,
        references=tuple(r for r in image.references if r != name),
        digests=tuple(d for d in image.digests if d != name),
    )


def _shown(ref: str) -> str:
    try:
        return str(reference.parse(ref).tagged()) if not ref.startswith("sha256:") else ref
    except InvalidParameter:
        return ref
