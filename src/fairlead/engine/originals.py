"""The manifest under which an image came, if a push may give it on, so that the image keeps its digest.

Layers are kept unpacked, so compressed bytes cannot be had again; but a registry that has them lends them to each of
its repositories, and what was not compressed is made again as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead.engine.images import Images
from fairlead.images.reference import Reference
from fairlead.images.worker.registry import documents
from fairlead.model.image import Image
from fairlead.model.registry import RemoteBlob, RemoteManifest


@dataclass(frozen=True, slots=True)
class Original:
    """`blobs`: by diff id, under which digest the manifest names a layer."""

    kept: RemoteManifest
    blobs: Mapping[str, RemoteBlob]

    @property
    def oci(self) -> bool:
        return self.kept.media_type == documents.OCI_MANIFEST

    def is_of(self, digests: Mapping[str, str]) -> bool:
        """Whether it says of the layers what became of them."""
        return all(digests[diff_id] == blob.digest for diff_id, blob in self.blobs.items())


def choose(images: Images, image: Image, ref: Reference) -> Original | None:
    """Of several that of which most layers can be had."""
    found = [Original(kept, _blobs(kept, image, ref)) for kept in images.store.manifests(image.id)]
    whole = [original for original in found if len(original.blobs) == len(set(image.diff_ids))]
    return max(whole, key=lambda original: _within_reach(images, original), default=None)


def _blobs(kept: RemoteManifest, image: Image, ref: Reference) -> dict[str, RemoteBlob]:
    layers = documents.parse_manifest(json.loads(kept.document)).layers
    if len(layers) != len(image.diff_ids):
        return {}
    return {
        diff_id: RemoteBlob(
            diff_id=diff_id, domain=ref.domain, repository=ref.path, digest=layer.digest, size_bytes=layer.size,
            media_type=layer.media_type,
        )
        for diff_id, layer in zip(image.diff_ids, layers, strict=True)
    }  # fmt: skip


def _within_reach(images: Images, original: Original) -> int:
    blobs = original.blobs.values()
    return sum(blob.digest in _digests(images, blob) or blob.digest == blob.diff_id for blob in blobs)


def _digests(images: Images, blob: RemoteBlob) -> set[str]:
    return {known.digest for known in images.store.known(blob.diff_id, blob.domain)}


def candidates(wanted: RemoteBlob | None, known: Sequence[RemoteBlob]) -> list[RemoteBlob]:
    """The blobs to ask a registry for in a layer's place: that of the manifest first, others if it cannot be had."""
    if wanted is None:
        return list(known)
    same = [blob for blob in known if blob.digest == wanted.digest]
    return [wanted, *(same if same or wanted.digest == wanted.diff_id else known)]
