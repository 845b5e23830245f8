"""`pull`: an image from a registry, its layers at the same time, each verified while it streams.

Nothing becomes part of the store before all of it is here and right: then image, layers and names in one step.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fairlead.engine import denials, streaming
from fairlead.engine import platform as platforms
from fairlead.engine.images import Images, Pin
from fairlead.engine.streaming import Say, status
from fairlead.errors import InvalidParameter, NotFound
from fairlead.images import endpoints, layers, manifest, reference
from fairlead.images.layers import Unpacked
from fairlead.images.reference import Reference
from fairlead.images.transfers import Session
from fairlead.images.worker.registry import documents
from fairlead.model.image import Image
from fairlead.model.registry import RemoteBlob, RemoteManifest
from fairlead.model.request import RegistryLogin

_SHORT = 12


def begin(
    images: Images, name: str, tag: str, *, platform: str, login: RegistryLogin, every: bool
) -> AsyncIterator[Mapping[str, Any]]:
    """The progress of a pull. `tag` may be a digest; `every`: without either, all tags."""
    ref = _reference(name, tag)
    wanted = _platform(platform)
    if every and not ref.tag and not ref.digest:
        return streaming.run(lambda say: _all(images, ref, wanted, login, say))
    return streaming.run(lambda say: _one(images, ref.tagged(), (wanted, platform), login, say))


def _reference(name: str, tag: str) -> Reference:
    ref = reference.parse(name)
    if not tag:
        return ref
    return reference.parse(f"{Reference(ref.domain, ref.path)}{'@' if ':' in tag else ':'}{tag}")


def _platform(text: str) -> documents.Platform:
    try:
        return documents.parse_platform(text, documents.Platform("linux", platforms.here()))
    except ValueError as error:
        raise InvalidParameter(str(error)) from error


async def _one(
    images: Images, ref: Reference, wanted: tuple[documents.Platform, str], login: RegistryLogin, say: Say
) -> None:
    """`wanted`: the platform, and how it was asked for."""
    async with _session(images, ref, login) as line:
        fresh = await Pull(images, line, ref, wanted[0], say).run()
        said = "Downloaded newer image" if fresh else "Image is up to date"
        say({"status": f"Status: {said} for {ref}"})
        if wanted[1]:  # what is no index has one platform, which may be another
            try:
                images.get(str(ref), platform=wanted[1])
            except NotFound as error:
                say({"status": f"WARNING: {error.message}"})


async def _all(images: Images, ref: Reference, wanted: documents.Platform, login: RegistryLogin, say: Say) -> None:
    async with _session(images, ref, login) as line:
        with denials.translated(lambda error: denials.of_pull(error, ref)):
            tags = (await line.session.ask("tags"))["tags"]
        fresh = False
        for tag in tags:
            tagged = reference.parse(f"{ref}:{tag}")
            fresh = await Pull(images, line, tagged, wanted, say).run() or fresh
        said = "Downloaded newer image" if fresh else "Image is up to date"
        say({"status": f"Status: {said} for {ref}"})


@asynccontextmanager
async def _session(images: Images, ref: Reference, login: RegistryLogin) -> AsyncIterator[Line]:
    where = endpoints.of_domain(ref.domain, images.transfers.settings, mirrors=True)
    scopes = [f"repository:{ref.path}:pull"]
    spoiled: list[str] = []
    try:
        async with images.transfers.session(where, ref.path, login, scopes, keep=True) as session:
            yield Line(session, spoiled)
    finally:
        await images.layers.remove(*spoiled)  # only now does nobody write there any more


@dataclass(frozen=True, slots=True)
class Line:
    """The line to a registry, and the directories of layers that did not come to their end over it."""

    session: Session
    spoiled: list[str]


@dataclass(frozen=True, slots=True)
class Pull:
    images: Images
    line: Line
    ref: Reference
    wanted: documents.Platform
    say: Say

    async def run(self) -> bool:
        """Whether anything was new."""
        asked = self.ref.digest or self.ref.tag
        platform = {"os": self.wanted.os, "architecture": self.wanted.architecture, "variant": self.wanted.variant}
        with denials.translated(lambda error: denials.of_pull(error, self.ref)):
            found = await self.line.session.ask("resolve", reference=asked, platform=platform)
            shown = self.ref.canonical if self.ref.digest else asked
            self.say({"status": f"Pulling from {self.ref.path}", "id": shown})
            with self.images.pinning() as pin:
                image, fresh = await self._image(found, pin)
                self._keep(image.id, found["manifest"])
                for name in self._names(found["digest"]):
                    fresh = self.images.renamed(image.id, name) or fresh
        self.say({"status": f"Digest: {found['digest']}"})
        self.images.noticed("pull", str(self.ref), self.ref.name)
        return fresh

    def _keep(self, image_id: str, came: Mapping[str, str]) -> None:
        data = base64.b64decode(came["data"])
        kept = RemoteManifest(digest=came["digest"], media_type=came["media_type"], document=data)
        self.images.store.keep_manifest(image_id, kept)

    def _names(self, digest: str) -> list[str]:
        by_digest = f"{self.ref.name}@{digest}"
        return [by_digest] if self.ref.digest else [f"{self.ref.name}:{self.ref.tag}", by_digest]

    async def _image(self, found: Mapping[str, Any], pin: Pin) -> tuple[Image, bool]:
        known = self.images.by_id(found["config"]["digest"])
        if known is not None:
            return pin(known), False
        answer = await self.line.session.ask("config", **found["config"])
        raw = base64.b64decode(answer["data"])
        draft = manifest.parse_image(raw, "", ())
        self._check(draft, raw, found["layers"])
        chains = layers.chain_ids(draft.diff_ids)
        async with self.images.transit.hold(chains):
            await self._layers(draft.diff_ids, chains, found["layers"])
            image_id = self.images.blobs.put(raw)
            ready = manifest.parse_image(raw, image_id, chains)
            return pin(self.images.add(ready, self.images.transit.brought(chains))), True

    def _check(self, draft: Image, raw: bytes, blobs: Sequence[Mapping[str, Any]]) -> None:
        if json.loads(raw)["rootfs"].get("type", "layers") != "layers" or len(draft.diff_ids) != len(blobs):
            raise InvalidParameter("layers from manifest don't match image configuration")
        if draft.os != "linux":
            raise InvalidParameter(f'image operating system "{draft.os}" cannot be used on this platform')

    async def _layers(self, diff_ids: Sequence[str], chains: Sequence[str], blobs: Sequence[Mapping[str, Any]]) -> None:
        known = self.images.store.directories(chains)
        for chain, blob in zip(chains, blobs, strict=True):
            self._tell(blob, "Already exists" if chain in known else "Pulling fs layer")
        async with asyncio.TaskGroup() as group:
            for diff_id, chain, blob in zip(diff_ids, chains, blobs, strict=True):
                if chain not in known:
                    group.create_task(self._layer(diff_id, chain, blob), name=f"layer {blob['digest']}")
        for diff_id, blob in zip(diff_ids, blobs, strict=True):
            self.images.store.know(
                RemoteBlob(
                    diff_id=diff_id, domain=self.ref.domain, repository=self.ref.path, digest=blob["digest"],
                    size_bytes=blob["size"], media_type=blob["media_type"],
                )
            )  # fmt: skip

    async def _layer(self, diff_id: str, chain: str, blob: Mapping[str, Any]) -> None:
        identifier = _identifier(blob)

        def tell(message: Mapping[str, Any]) -> None:
            match message["now"]:
                case "downloading":
                    self.say(streaming.progress("Downloading", identifier, message["current"], blob["size"]))
                case "complete":
                    for text in ("Verifying Checksum", "Download complete"):
                        self.say(status(text, identifier))
                    self.say(streaming.progress("Extracting", identifier, blob["size"], blob["size"]))
                case "waits":
                    self.say(status(f"Retrying in {message['seconds']} seconds", identifier))

        await self.images.transit.arrive(chain, tell, lambda heard: self._fetch(diff_id, blob, heard))
        self.say(status("Pull complete", identifier))

    async def _fetch(self, diff_id: str, blob: Mapping[str, Any], tell: Any) -> Unpacked:
        downloads = self.images.transfers.downloads
        if downloads.locked():
            self._tell(blob, "Waiting")
        content = self.images.layers
        async with downloads:
            directory = content.new()
            try:
                answer = await self.line.session.job(
                    "layer", tell, digest=blob["digest"], size=blob["size"], diff_id=diff_id,
                    target=str(content.diff(directory)), recipe=str(content.recipe(directory)),
                    limit=self.images.transfers.settings.max_layer_bytes,
                )  # fmt: skip
            except BaseException:
                self.line.spoiled.append(directory)
                raise
        return content.finish(directory, {**answer, "digest": blob["digest"]})

    def _tell(self, blob: Mapping[str, Any], text: str) -> None:
        self.say(status(text, _identifier(blob)))


def _identifier(blob: Mapping[str, Any]) -> str:
    return str(blob["digest"]).removeprefix("sha256:")[:_SHORT]
