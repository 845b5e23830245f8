"""A named or anonymous volume on the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    name: str
    created: datetime
    mountpoint: str
    """`<data-root>/volumes/<name>/_data`."""
    driver: str = "local"
    anonymous: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
