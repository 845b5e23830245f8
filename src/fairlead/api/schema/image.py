"""Images in Docker's JSON: list entries, inspect, history, what a removal did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fairlead.api import gojson
from fairlead.api.schema import config, times
from fairlead.errors import InvalidParameter
from fairlead.model.image import Image

Version = tuple[int, int]


_CONTAINERS_ONLY = (
    "Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Image",
    "NetworkDisabled", "MacAddress", "StopTimeout",
)  # fmt: skip
"""Members of a configuration that say nothing about an image: gone since 1.50."""


def parse_platform(text: str) -> str:
    """`{"os": "linux", "architecture": "arm64"}` → `linux/arm64`."""
    try:
        value = gojson.loads(text)
        parts = [str(value.get(name) or "") for name in ("os", "architecture")]
    except (ValueError, AttributeError) as error:
        raise InvalidParameter(f"failed to parse platform: {error}") from error
    if not all(parts):
        raise InvalidParameter("both OS and Architecture must be provided")
    return "/".join(parts)


def render_summary(image: Image, version: Version, shared_bytes: int = -1) -> dict[str, Any]:
    value: dict[str, Any] = {
        "Containers": -1,
        "Created": _unix(image.created),
        "Id": image.id,
        "Labels": dict(image.config.labels) or None,
        "ParentId": image.parent,
        "RepoDigests": list(image.digests),
        "RepoTags": list(image.references),
        "SharedSize": shared_bytes,
        "Size": image.size_bytes,
    }
    if version < (1, 44):
        value["VirtualSize"] = image.size_bytes
    if version < (1, 43) and not image.references and not image.digests:
        value |= {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}
    return value


def render_inspect(image: Image, version: Version, graph: Mapping[str, str]) -> dict[str, Any]:
    value: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.references),
        "RepoDigests": list(image.digests),
        "Parent": image.parent,
        "Comment": image.comment or (image.history[-1].comment if image.history else ""),
        "Created": times.render(image.created) if image.created or version < (1, 44) else "",
        "DockerVersion": image.docker_version,
        "Author": image.author,
        "Config": config.render(image.config),
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size_bytes,
        "GraphDriver": {"Data": dict(graph) or None, "Name": "overlay2"},
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": times.render(image.last_tagged)},
    }
    value["Config"] |= {name: value["Config"][name] or None for name in ("Env", "Labels")}
    if version >= (1, 50):
        value["Config"] = {name: member for name, member in value["Config"].items() if name not in _CONTAINERS_ONLY}
    if image.variant:
        value["Variant"] = image.variant
    if version < (1, 44):
        value["VirtualSize"] = image.size_bytes
    if version < (1, 45):
        value |= {"Container": "", "ContainerConfig": dict(image.container_config) or value["Config"]}
    return value


def render_history(line: Sequence[Image], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Newest first; `sizes` of the layers lowest first. `line`: the image, and those of its builds: what they are
    called is known of as many entries."""
    layers = list(sizes)
    rows: list[dict[str, Any]] = [
        {
            "Id": "<missing>",
            "Created": _unix(entry.created),
            "CreatedBy": entry.created_by,
            "Tags": None,
            "Size": 0 if entry.empty_layer or not layers else layers.pop(),
            "Comment": entry.comment,
        }
        for entry in reversed(line[0].history)
    ]
    for row, image in zip(rows, line, strict=False):
        row |= {"Id": image.id, "Tags": list(image.references) or None}
    return rows


def render_removed(steps: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{kind: text} for kind, text in steps]


def _unix(time: datetime | None) -> int:
    return int(time.timestamp()) if time is not None else 0
