"""`push`: an image to a registry. What the registry has is not sent again: asked for, or mounted from a neighbour."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

from fairlead import ids
from fairlead.engine import denials, originals, streaming
from fairlead.engine.images import Images
from fairlead.engine.originals import Original
from fairlead.engine.streaming import Say, status
from fairlead.errors import SystemFailure
from fairlead.images import endpoints, reference
from fairlead.images.reference import Reference
from fairlead.images.transfers import Refusal, Session
from fairlead.model.image import Image
from fairlead.model.registry import RemoteBlob
from fairlead.model.request import RegistryLogin

_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_FINAL = ("denied", "unauthorized", "unreachable")
"""Refusals that are not of one form of the manifest."""


def begin(images: Images, name: str, tag: str, login: RegistryLogin) -> AsyncIterator[Mapping[str, Any]]:
    """The progress of a push; without a tag, of all tags of the repository."""
    ref = reference.parse(name)
    if tag:
        ref = reference.parse(f"{Reference(ref.domain, ref.path)}:{tag}")
    return streaming.run(lambda say: _push(images, ref, login, say))


async def _push(images: Images, ref: Reference, login: RegistryLogin, say: Say) -> None:
    say({"status": f"The push refers to repository [{ref.domain}/{ref.path}]"})
    names = images.tags_of(ref)
    if not names:
        raise SystemFailure(f"An image does not exist locally with the tag: {ref.name}")
    if ref.tag:
        names = [name for name in names if name == str(ref)]
        if not names:
            raise SystemFailure(f"tag does not exist: {ref}")
    chosen = {name: images.get(name) for name in names}
    known = [
        blob for image in chosen.values() for diff_id in image.diff_ids
        for blob in images.store.known(diff_id, ref.domain)
    ]  # fmt: skip
    sources = sorted({blob.repository for blob in known if blob.repository != ref.path})
    scopes = [f"repository:{ref.path}:pull,push", *(f"repository:{source}:pull" for source in sources)]
    where = endpoints.of_domain(ref.domain, images.transfers.settings)
    async with AsyncExitStack() as stack:
        # All that is of the images is held or read before the first wait: they may be removed meanwhile.
        await stack.enter_async_context(images.transit.hold([c for image in chosen.values() for c in image.chain_ids]))
        parcels = [Parcel.of(images, reference.parse(name), image) for name, image in chosen.items()]
        session = await stack.enter_async_context(images.transfers.session(where, ref.path, login, scopes))
        with denials.translated(denials.of_push):
            await session.ask("check")  # who does not answer is told of before anything is prepared
            for parcel in parcels:
                await Push(images, session, parcel, say).run()


@dataclass(frozen=True, slots=True)
class Parcel:
    """An image under one name, ready to be sent. Its layers are held."""

    ref: Reference
    image: Image
    config: bytes
    original: Original | None

    @classmethod
    def of(cls, images: Images, ref: Reference, image: Image) -> Parcel:
        return cls(ref, image, images.blobs.get(image.id), originals.choose(images, image, ref))


@dataclass(frozen=True, slots=True)
class Push:
    images: Images
    session: Session
    parcel: Parcel
    say: Say

    async def run(self) -> None:
        ref, image = self.parcel.ref, self.parcel.image
        layers = list(dict.fromkeys(zip(image.diff_ids, image.chain_ids, strict=True)))
        for diff_id, _ in reversed(layers):
            self.say(status("Preparing", ids.short(diff_id)))
        blobs = await self._layers(layers)
        sent = await self.session.ask("upload", data=base64.b64encode(self.parcel.config).decode())
        found = await self._manifest(sent, blobs)
        if self.images.by_id(image.id) is not None:
            self.images.renamed(image.id, f"{ref.name}@{found['digest']}")
        self.say({"status": f"{ref.tag}: digest: {found['digest']} size: {found['size']}"})
        aux = {"Tag": ref.tag, "Digest": found["digest"], "Size": found["size"]}
        self.say({"progressDetail": {}, "aux": aux})
        self.images.noticed("push", str(ref), ref.name)

    async def _manifest(self, config: Mapping[str, Any], blobs: Mapping[str, dict[str, Any]]) -> Mapping[str, Any]:
        """As it came, if the layers are; else a new one, of OCI's if it came as such. An old registry that takes
        neither gets Docker's."""
        original, tag = self.parcel.original, self.parcel.ref.tag
        new = {
            "config": {"digest": config["digest"], "size": config["size"]},
            "layers": [blobs[diff_id] for diff_id in self.parcel.image.diff_ids],
        }
        ways: list[Mapping[str, Any]] = [{**new, "oci": False}]
        if original is not None and original.oci:
            ways.insert(0, {**new, "oci": True})
        if original is not None and original.is_of({diff_id: blob["digest"] for diff_id, blob in blobs.items()}):
            data = base64.b64encode(original.kept.document).decode()
            ways.insert(0, {"data": data, "media_type": original.kept.media_type})
        while len(ways) > 1:
            try:
                return await self.session.ask("manifest", tag=tag, **ways[0])
            except Refusal as error:
                if error.kind in _FINAL:
                    raise
                ways = ways[1:]
        return await self.session.ask("manifest", tag=tag, **ways[0])

    async def _layers(self, layers: Sequence[tuple[str, str]]) -> Mapping[str, dict[str, Any]]:
        """By diff id: what the manifest says of each."""
        original = self.parcel.original
        async with asyncio.TaskGroup() as group:
            tasks = {
                diff_id: group.create_task(
                    self._layer(diff_id, chain, original.blobs[diff_id] if original else None), name=f"push {diff_id}"
                )
                for diff_id, chain in layers
            }
        return {diff_id: task.result() for diff_id, task in tasks.items()}

    async def _layer(self, diff_id: str, chain: str, wanted: RemoteBlob | None) -> dict[str, Any]:
        identifier, uploads, ref = ids.short(diff_id), self.images.transfers.uploads, self.parcel.ref
        if uploads.locked():
            self.say(status("Waiting", identifier))
        content = self.images.layers
        directory = self.images.store.directories([chain])[chain]
        total = content.tar_size(directory)
        known = originals.candidates(wanted, self.images.store.known(diff_id, ref.domain))
        plain = wanted is not None and wanted.digest == diff_id

        def tell(message: Mapping[str, Any]) -> None:
            if message["now"] == "pushing":
                self.say(streaming.progress("Pushing", identifier, message["current"], total))
            else:
                self.say(status(f"Retrying in {message['seconds']} seconds", identifier))

        async with uploads:
            answer = await self.session.job(
                "upload", tell, diff_id=diff_id, tree=str(content.diff(directory)),
                recipe=str(content.recipe(directory)), known=[asdict(blob) for blob in known],
                plain=plain,
            )  # fmt: skip
        self.say(status(_ended(answer), identifier))
        blob = next((blob for blob in known if blob.digest == answer["digest"]), None)
        media_type = blob.media_type if blob else _LAYER_TYPE
        self.images.store.know(
            RemoteBlob(
                diff_id=diff_id, domain=ref.domain, repository=ref.path, digest=answer["digest"],
                size_bytes=answer["size"], media_type=media_type,
            )
        )  # fmt: skip
        return {"digest": answer["digest"], "size": answer["size"], "media_type": media_type}


def _ended(answer: Mapping[str, Any]) -> str:
    match answer["how"]:
        case "exists":
            return "Layer already exists"
        case "mounted":
            return f"Mounted from {answer['from']}"
    return "Pushed"
