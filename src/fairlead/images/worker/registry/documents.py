"""Manifests and indexes of OCI and of Docker's schema 2: read from a registry, checked, and chosen from. Pure.

What is wrong or points elsewhere is refused here, before anything is fetched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fairlead import platforms
from fairlead.images.worker.registry import failure
from fairlead.images.worker.registry.failure import Failure

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json", "application/vnd.docker.distribution.manifest.v1+prettyjws"
)  # fmt: skip
INDEXES = (OCI_INDEX, DOCKER_INDEX)
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
ACCEPTED = ", ".join((*MANIFESTS, *INDEXES))
MANIFEST_LIMIT = 4 << 20
CONFIG_LIMIT = 8 << 20
MAX_LAYERS = 127
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_OCI_LAYER, _DOCKER_LAYER = "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Descriptor:
    digest: str
    size: int
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Platform:
    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def kind(data: bytes, content_type: str) -> tuple[dict[str, Any], str]:
    """The document and its media type; the header must name one that we read, and the document agree."""
    media_type = content_type.partition(";")[0].strip()
    try:
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError
    except (ValueError, RecursionError) as error:
        shown = json.dumps(data[:256].decode(errors="replace"))
        raise _refused(f"error parsing HTTP 200 response body: {failure.syntax(data)}: {shown}") from error
    if media_type in SCHEMA_1 or document.get("schemaVersion") == 1:
        raise _refused("Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported")
    if media_type not in (*INDEXES, *MANIFESTS):
        raise _refused(f"unsupported manifest media type and no default available: {media_type}")
    own = document.get("mediaType")
    if own and own != media_type:
        raise _refused(f"mediaType in manifest should be '{media_type}' not '{own}'")
    if ("manifests" in document) != (media_type in INDEXES) or ("layers" in document) != (media_type in MANIFESTS):
        raise _refused(f"manifest is not what its media type {media_type} says")
    return document, media_type


def descriptor(raw: Any, what: str) -> Descriptor:
    if not isinstance(raw, dict):
        raise _refused(f"manifest has no {what}")
    digest, size, media_type = raw.get("digest"), raw.get("size"), raw.get("mediaType", "")
    if not isinstance(digest, str) or not _DIGEST.match(digest):
        raise _refused(f"manifest names no digest that we check for its {what}: {digest!r}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise _refused(f"manifest has no size for its {what} {digest}")
    if raw.get("urls"):
        raise _refused(f"{what} {digest} is to be fetched from elsewhere ({raw['urls']!r}), which is refused")
    return Descriptor(digest, size, str(media_type))


def parse_manifest(document: dict[str, Any]) -> Manifest:
    config = descriptor(document.get("config"), "configuration")
    if config.media_type not in _CONFIGS:
        raise _refused(f'invalid media type: "{config.media_type}" is not the configuration of an image')
    if config.size > CONFIG_LIMIT:
        raise _refused(f"configuration {config.digest} is larger than {CONFIG_LIMIT} bytes")
    listed = document.get("layers")
    if not isinstance(listed, list):
        raise _refused("manifest has no layers")
    if len(listed) > MAX_LAYERS:
        raise _refused("max depth exceeded")
    layers = tuple(descriptor(raw, "layer") for raw in listed)
    for layer in layers:
        if "foreign" in layer.media_type or "nondistributable" in layer.media_type or ".tar" not in layer.media_type:
            raise _refused(f"layer {layer.digest} is of a kind that is not taken: {layer.media_type}")
    return Manifest(config, layers)


def choose(document: dict[str, Any], wanted: Platform) -> Descriptor:
    """The manifest of an index that fits best. Raises Failure with Docker's text if none does."""
    entries = document.get("manifests")
    if not isinstance(entries, list):
        raise _refused("manifest list has no manifests")
    best: tuple[int, Descriptor] | None = None
    for raw in entries:
        platform = raw.get("platform") if isinstance(raw, dict) else None
        if not isinstance(platform, dict) or raw.get("mediaType") not in MANIFESTS:
            continue
        rank = _rank(platform, wanted)
        if rank and (best is None or rank > best[0]):
            best = rank, descriptor(raw, "manifest")
    if best is None:
        raise Failure(f"no matching manifest for {wanted} in the manifest list entries", failure.MISSING)
    return best[1]


def offered(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The platforms of an index, but not those of attestations."""
    found = [raw.get("platform") for raw in document.get("manifests") or () if isinstance(raw, dict)]
    return [p for p in found if isinstance(p, dict) and p.get("os") != "unknown"]


_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}


def _rank(platform: dict[str, Any], wanted: Platform) -> int:
    if (platform.get("os"), platform.get("architecture")) != (wanted.os, wanted.architecture):
        return 0
    default = _DEFAULT_VARIANTS.get(wanted.architecture, "")
    have, want = str(platform.get("variant") or default), wanted.variant or default
    if have == want:
        return 1000
    older = wanted.architecture == "arm" and have < want  # an older variant runs on a newer machine
    return int(have[1:] or 0) if older and have[1:].isdigit() else 0


def parse_platform(text: str, default: Platform) -> Platform:
    """`linux/arm64/v8`, `arm64`, `linux`; empty: the default."""
    try:
        return Platform(*platforms.parse(text, (default.architecture, default.variant))) if text else default
    except ValueError as error:
        raise ValueError(f"{error}: invalid argument") from None


def render_manifest(config: Descriptor, layers: Sequence[Descriptor], *, oci: bool) -> tuple[bytes, str]:
    """The document, indented as Docker writes it, and its type. Schema 2, unless that has no name for a layer."""
    oci = oci or any(layer.media_type.endswith("+zstd") for layer in layers)
    media_type = OCI_MANIFEST if oci else DOCKER_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": _CONFIGS[0 if oci else 1], "size": config.size, "digest": config.digest},
        "layers": [{"mediaType": _layer_type(x.media_type, oci=oci), "size": x.size, "digest": x.digest}
                   for x in layers],
    }  # fmt: skip
    return json.dumps(document, indent=3).encode(), media_type


def _layer_type(media_type: str, *, oci: bool) -> str:
    for ending in ("zstd", "gzip"):
        if media_type.endswith(ending):
            return f"{_OCI_LAYER}+{ending}" if oci else f"{_DOCKER_LAYER}.{ending}"
    return _OCI_LAYER if oci else _DOCKER_LAYER


def _refused(text: str) -> Failure:
    return Failure(text, failure.REFUSED)
