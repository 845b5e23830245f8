"""An image as stored: its configuration document, layers and the references that name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fairlead.model.container import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    created: datetime | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`id` is `sha256:` + digest of the config document. `layers` are chain ids, lowest first."""

    id: str
    created: datetime | None
    config: Config
    architecture: str = "amd64"
    os: str = "linux"
    variant: str = ""
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    """Of whoever made it, if it says so."""
    parent: str = ""
    diff_ids: tuple[str, ...] = ()
    chain_ids: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    size_bytes: int = 0
    container_config: Mapping[str, object] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    """Familiar names with tags, `busybox:latest`; none = dangling."""
    digests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    last_tagged: datetime | None = None
