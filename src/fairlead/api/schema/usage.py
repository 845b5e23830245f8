"""`/system/df`: what takes how much, in the shape of each version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fairlead.api.schema import container, image, volume
from fairlead.api.versions import Version
from fairlead.errors import InvalidParameter
from fairlead.model.request import DiskUsage

KINDS = ("container", "image", "volume", "build-cache")


def parse_kinds(types: list[str]) -> tuple[str, ...]:
    """`type=image&type=volume`; none is all."""
    for kind in types:
        if kind not in KINDS:
            raise InvalidParameter(f"unknown object type: {kind}")
    return tuple(types) or KINDS


def render(usage: DiskUsage, version: Version, now: datetime) -> dict[str, Any]:
    value: dict[str, Any] = {"LayersSize": usage.layers_bytes, "Images": None, "Containers": None, "Volumes": None}
    if usage.images is not None:
        value["Images"] = [
            image.render_summary(entry.image, version)
            | {"SharedSize": entry.shared_bytes, "Containers": entry.containers}
            for entry in usage.images
        ]
    if usage.containers is not None:
        value["Containers"] = [container.render_summary(view, version, now) for view in usage.containers]
    if usage.volumes is not None:
        value["Volumes"] = [
            volume.render(entry.volume) | {"UsageData": {"Size": entry.size_bytes, "RefCount": entry.references}}
            for entry in usage.volumes
        ]
    # The classic builder keeps its cache in the images themselves.
    value["BuildCache"] = []
    if version < (1, 42):
        value["BuilderSize"] = 0
    return value
