"""What is in an image archive: docker-archive (`manifest.json`) or OCI layout (`index.json`), once it has been taken in
(images/worker/load.py). Pure."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.errors import InvalidParameter
from fairlead.images import manifest, reference
from fairlead.images.worker.registry import documents
from fairlead.images.worker.registry.failure import Failure
from fairlead.model.registry import RemoteManifest

_NAME = "io.containerd.image.name"
_REF = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class Archived:
    """One image of an archive: its configuration document, the files of its layers, its names, its manifest if it
    has one of OCI's."""

    config: bytes
    layers: tuple[str, ...]
    names: tuple[str, ...]
    came: RemoteManifest | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """One image to be written: configuration, id, (diff id, tar size) of its layers, names."""

    config: bytes
    image_id: str
    layers: tuple[tuple[str, int], ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that was unpacked on the way in. No directory: it was here already."""

    directory: str
    diff_id: str
    digest: str = ""
    size: int = 0
    tar_size: int = 0
    compression: str = ""


class Contents:
    """What an archive held: documents by name, layers by name, and names that lead to others."""

    def __init__(self, loaded: Mapping[str, Any]) -> None:
        self._documents: dict[str, str] = loaded["documents"]
        self._links: dict[str, str] = loaded["links"]
        self.layers = {name: Layer(**row) for name, row in loaded["layers"].items()}

    def has(self, name: str) -> bool:
        return self._name(name) in self._documents

    def _name(self, name: str) -> str:
        clean = posixpath.normpath(name).lstrip("/")
        for _ in range(40):
            if clean not in self._links:
                break
            clean = self._links[clean]
        return clean

    def document(self, name: str) -> bytes:
        try:
            return self._documents[self._name(name)].encode("latin-1")
        except KeyError:
            raise InvalidParameter(f"invalid archive: open {name}: no such file or directory") from None

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.document(name))
        except ValueError as error:
            raise InvalidParameter(f"invalid archive: {name}: {error}") from error

    def layer(self, name: str) -> tuple[str, Layer]:
        """The name it really has, and the layer."""
        real = self._name(name)
        if real not in self.layers:
            raise InvalidParameter(f"invalid archive: open {name}: no such file or directory, or not a layer")
        return real, self.layers[real]


def is_legacy(contents: Contents) -> bool:
    """Whether it is of Docker before 1.10 (legacy.py)."""
    return contents.has("repositories") and not contents.has("manifest.json") and not contents.has("index.json")


def read(contents: Contents, system: str = "", architecture: str = "") -> list[Archived]:
    """All images; of an index those for this machine, or for the platform that is asked for. Raises InvalidParameter if
    it is no image archive."""
    if contents.has("manifest.json"):
        entries = contents.json("manifest.json")
        if not isinstance(entries, list):
            raise InvalidParameter("invalid archive: manifest.json: not a list")
        found = [_docker(contents, entry) for entry in entries]
        return [each for each in found if _is_for(each.config, system, architecture)]
    if contents.has("index.json"):
        here = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
        return _index(contents, contents.json("index.json"), (), (system or "linux", architecture or here))
    raise InvalidParameter("invalid archive: does not contain a manifest.json or an index.json")


def _docker(contents: Contents, entry: Mapping[str, Any]) -> Archived:
    try:
        layers = tuple(str(name) for name in entry["Layers"] or ())
        names = tuple(str(name) for name in entry.get("RepoTags") or ())
        return Archived(contents.document(str(entry["Config"])), layers, names)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidParameter(f"invalid archive: manifest.json: {error}") from error


def blob(digest: str) -> str:
    """The path of a blob in an OCI layout."""
    algorithm, colon, value = digest.partition(":")
    if not colon or not value.isalnum() or not algorithm.isalnum():
        raise InvalidParameter(f"invalid archive: digest {digest!r}")
    return f"blobs/{algorithm}/{value}"


def _is_for(config: bytes, system: str, architecture: str) -> bool:
    if not system and not architecture:
        return True
    document = json.loads(config)
    found = (document.get("os", "linux"), document.get("architecture", ""))
    return found == (system or found[0], architecture or found[1])


def _index(
    contents: Contents, index: Mapping[str, Any], names: Sequence[str], wanted: tuple[str, str]
) -> list[Archived]:
    out: list[Archived] = []
    try:
        for descriptor in index["manifests"]:
            annotations = descriptor.get("annotations") or {}
            own = [annotations[key] for key in (_NAME, _REF) if key in annotations][:1] or list(names)
            document = contents.json(blob(descriptor["digest"]))
            if "manifests" in document:
                out += _index(contents, document, own, wanted)
            elif "config" in document and _fits(descriptor, wanted):
                layers = tuple(blob(layer["digest"]) for layer in document["layers"])
                config = contents.document(blob(document["config"]["digest"]))
                out.append(Archived(config, layers, tuple(own), _came(contents, descriptor)))
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidParameter(f"invalid archive: index.json: {error}") from error
    return out


def _came(contents: Contents, descriptor: Mapping[str, Any]) -> RemoteManifest | None:
    """What no registry would take is not kept to be given on."""
    data, digest = contents.document(blob(descriptor["digest"])), str(descriptor["digest"])
    if documents.digest_of(data) != digest:
        raise InvalidParameter(f"invalid archive: {digest} is not the digest of its blob")
    try:
        _, media_type = documents.kind(data, str(descriptor.get("mediaType", "")))
        documents.parse_manifest(json.loads(data))
    except Failure:
        return None
    return RemoteManifest(digest=digest, media_type=media_type, document=data)


def _fits(descriptor: Mapping[str, Any], wanted: tuple[str, str]) -> bool:
    """Manifests for other platforms, and attestations (`unknown`), are passed over."""
    platform = descriptor.get("platform") or {}
    return (platform.get("os", wanted[0]), platform.get("architecture", wanted[1])) == wanted


def members(images: Sequence[Saved]) -> list[dict[str, Any]]:
    """The text members of an archive that is both forms at once."""
    texts: dict[str, str] = {}
    docker: list[dict[str, Any]] = []
    index: list[dict[str, Any]] = []
    repositories: dict[str, dict[str, str]] = {}
    for image in images:
        texts[blob(image.image_id)] = image.config.decode()
        text = _manifest(image)
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        texts[blob(digest)] = text
        paths = [blob(diff_id) for diff_id, _ in image.layers]
        docker.append({"Config": blob(image.image_id), "RepoTags": list(image.names) or None, "Layers": paths})
        for name in image.names or ("",):
            row: dict[str, Any] = {"mediaType": manifest.MANIFEST_TYPE, "digest": digest, "size": len(text.encode())}
            if name:
                repository, _, tag = name.rpartition(":")
                row["annotations"] = {_NAME: reference.canonical(name), _REF: tag}
                if image.layers:
                    top, _ = image.layers[-1]
                    repositories.setdefault(repository, {})[tag] = top.partition(":")[2]
            index.append(row)
    texts["manifest.json"] = json.dumps(docker)
    texts["index.json"] = json.dumps({"schemaVersion": 2, "mediaType": manifest.INDEX_TYPE, "manifests": index})
    if repositories:
        texts["repositories"] = json.dumps(repositories)
    texts["oci-layout"] = json.dumps({"imageLayoutVersion": "1.0.0"})
    return [{"name": name, "text": text} for name, text in texts.items()]


def _manifest(image: Saved) -> str:
    config = {"mediaType": manifest.CONFIG_TYPE, "digest": image.image_id, "size": len(image.config)}
    layers = [{"mediaType": manifest.LAYER_TYPE, "digest": d, "size": size} for d, size in image.layers]
    return json.dumps({"schemaVersion": 2, "mediaType": manifest.MANIFEST_TYPE, "config": config, "layers": layers})
