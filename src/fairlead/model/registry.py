"""A layer as a registry knows it."""

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
