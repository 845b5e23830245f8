"""Images and layers as registries know them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBlob:
    """`digest` and size of the compressed tar whose uncompressed digest is `diff_id`."""

    diff_id: str
    domain: str
    repository: str
    digest: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteManifest:
    """The document under which an image came, byte for byte."""

    digest: str
    media_type: str
    document: bytes
