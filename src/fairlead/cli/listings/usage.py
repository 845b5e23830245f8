"""`system df`: what each kind of object takes, and how much of it is in use."""

from __future__ import annotations

from fairlead.cli import formats, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_TITLES = {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
_RAW = (
    ("type", "Type"), ("total", "TotalCount"), ("active", "Active"), ("size", "Size"), ("reclaimable", "Reclaimable"),
)  # fmt: skip
_RUNNING = ("running", "paused", "restarting")


def show(data: dict[str, Any], fmt: str = "") -> str:
    """The text of `system df`."""
    fields: dict[str, Callable[[Any], str]] = {name: (lambda row, name=name: row[name]) for name in _TITLES}  # type: ignore[misc]
    kind = formats.Kind("*formatter.diskUsageImagesContext", fields, _TITLES, list(_TITLES), _RAW, "Type")
    rows = [_images(data), _containers(data), _volumes(data), _cache(data)]
    return formats.listing(kind, rows, fmt)


def _row(name: str, total: int, active: int, size: int, free: int, *, percent: bool = True) -> dict[str, str]:
    share = f" ({int(free * 100 / size)}%)" if percent and size > 0 else ""
    return {
        "Type": name,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": units.size(size),
        "Reclaimable": units.size(free) + share,
    }


def _images(data: dict[str, Any]) -> dict[str, str]:
    images = data.get("Images") or []
    used = [image for image in images if image.get("Containers", 0) > 0]
    kept = sum(image["Size"] - max(image.get("SharedSize", 0), 0) for image in used)
    size = data.get("LayersSize") or 0
    return _row("Images", len(images), len(used), size, max(size - kept, 0) if used else size)


def _containers(data: dict[str, Any]) -> dict[str, str]:
    containers = data.get("Containers") or []
    active = sum(1 for item in containers if item["State"] in _RUNNING)
    size = sum(item.get("SizeRw") or 0 for item in containers)
    free = sum(item.get("SizeRw") or 0 for item in containers if item["State"] not in _RUNNING)
    return _row("Containers", len(containers), active, size, free)


def _volumes(data: dict[str, Any]) -> dict[str, str]:
    volumes = [item.get("UsageData") or {"RefCount": 0, "Size": 0} for item in data.get("Volumes") or []]
    active = sum(1 for usage in volumes if usage["RefCount"] > 0)
    size = sum(max(usage["Size"], 0) for usage in volumes)
    free = sum(max(usage["Size"], 0) for usage in volumes if usage["RefCount"] <= 0)
    return _row("Local Volumes", len(volumes), active, size, free)


def _cache(data: dict[str, Any]) -> dict[str, str]:
    records = data.get("BuildCache") or []
    active = sum(1 for record in records if record.get("InUse"))
    size = sum(record["Size"] for record in records if not record.get("Shared"))
    free = sum(record["Size"] for record in records if not record.get("InUse") and not record.get("Shared"))
    return _row("Build Cache", len(records), active, size, free, percent=False)


def show_all(data: dict[str, Any], fmt: str) -> str:
    """The text of `system df -v --format`: a template over the four lists."""
    from fairlead.cli import template
    from fairlead.cli.gotemplate import functions
    from fairlead.cli.listings import containers, images, system, volumes

    kinds = {
        "Images": images.kind(no_trunc=True, columns=()), "Containers": containers.kind(no_trunc=True),
        "Volumes": volumes.kind(), "BuildCache": system.cache_kind(),
    }  # fmt: skip
    rows = {name: data.get(name) or [] for name in kinds}
    rows["Images"] = [{**row, "Digest": ""} for row in images.rows(rows["Images"])]
    found = {name: [formats.context(kind, row) for row in rows[name]] for name, kind in kinds.items()}
    if fmt in ("json", "{{json .}}"):
        lists = [f'"{name}":[{",".join(map(functions.to_json, shown))}]' for name, shown in found.items()]
        return "{" + ",".join(lists) + "}\n"
    return template.Template(fmt).render(template.Context("*formatter.diskUsageContext", found)) + "\n"


def cache_size(data: dict[str, Any]) -> str:
    """What the build cache takes."""
    return _cache(data)["Size"]
