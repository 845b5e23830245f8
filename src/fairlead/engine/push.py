"""`push`: an image to a registry. What the registry has is not sent again: asked for, or mounted from a neighbour."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
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
    chosen = [images.get(name) for name in names]
    known = [blob for image in chosen for diff_id in image.diff_ids for blob in images.store.known(diff_id, ref.domain)]
    sources = sorted({blob.repository for blob in known if blob.repository != ref.path})
    scopes = [f"repository:{ref.path}:pull,push", *(f"repository:{source}:pull" for source in sources)]
    where = endpoints.of_domain(ref.domain, images.transfers.settings)
    async with images.transfers.session(where, ref.path, login, scopes) as session:
        for name, image in zip(names, chosen, strict=True):
            async with images.transit.hold(image.chain_ids):
                with denials.translated(denials.of_push):
                    await Push(images, session, reference.parse(name), image, say).run()


@dataclass(frozen=True, slots=True)
class Push:
    images: Images
    session: Session
    ref: Reference
    image: Image
    say: Say

    async def run(self) -> None:
        layers = list(dict.fromkeys(zip(self.image.diff_ids, self.image.chain_ids, strict=True)))
        for diff_id, _ in reversed(layers):
            self.say(status("Preparing", ids.short(diff_id)))
        original = originals.choose(self.images, self.image, self.ref)
        blobs = await self._layers(layers, original)
        config = self.images.blobs.get(self.image.id)
        sent = await self.session.ask("upload", data=base64.b64encode(config).decode())
        found = await self._manifest(sent, blobs, original)
        self.images.renamed(self.image.id, f"{self.ref.name}@{found['digest']}")
        self.say({"status": f"{self.ref.tag}: digest: {found['digest']} size: {found['size']}"})
        aux = {"Tag": self.ref.tag, "Digest": found["digest"], "Size": found["size"]}
        self.say({"progressDetail": {}, "aux": aux})
        self.images.noticed("push", str(self.ref), self.ref.name)

    async def _manifest(
        self, config: Mapping[str, Any], blobs: Mapping[str, dict[str, Any]], original: Original | None
    ) -> Mapping[str, Any]:
        """As it came, if the layers are; else a new one, of OCI's if it came as such. An old registry that takes
        neither gets Docker's."""
        new = {
            "config": {"digest": config["digest"], "size": config["size"]},
            "layers": [blobs[diff_id] for diff_id in self.image.diff_ids],
        }
        ways: list[Mapping[str, Any]] = [{**new, "oci": False}]
        if original is not None and original.oci:
            ways.insert(0, {**new, "oci": True})
        if original is not None and original.is_of({diff_id: blob["digest"] for diff_id, blob in blobs.items()}):
            data = base64.b64encode(original.kept.document).decode()
            ways.insert(0, {"data": data, "media_type": original.kept.media_type})
        while len(ways) > 1:
            try:
                return await self.session.ask("manifest", tag=self.ref.tag, **ways[0])
            except Refusal as error:
                if error.kind in _FINAL:
                    raise
                ways = ways[1:]
        return await self.session.ask("manifest", tag=self.ref.tag, **ways[0])

    async def _layers(
        self, layers: Sequence[tuple[str, str]], original: Original | None
    ) -> Mapping[str, dict[str, Any]]:
        """By diff id: what the manifest says of each."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                diff_id: group.create_task(
                    self._layer(diff_id, chain, original.blobs[diff_id] if original else None), name=f"push {diff_id}"
                )
                for diff_id, chain in layers
            }
        return {diff_id: task.result() for diff_id, task in tasks.items()}

    async def _layer(self, diff_id: str, chain: str, wanted: RemoteBlob | None) -> dict[str, Any]:
        identifier, uploads = ids.short(diff_id), self.images.transfers.uploads
        if uploads.locked():
            self.say(status("Waiting", identifier))
        content = self.images.layers
        directory = self.images.store.directories([chain])[chain]
        total = content.tar_size(directory)
        known = originals.candidates(wanted, self.images.store.known(diff_id, self.ref.domain))
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
                diff_id=diff_id, domain=self.ref.domain, repository=self.ref.path, digest=answer["digest"],
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
