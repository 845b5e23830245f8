"""`volume ls`: fields and columns."""

from __future__ import annotations

from fairlead.cli import formats, units
from fairlead.cli.listings.networks import natural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Item = dict[str, Any]

_TITLES = {
    "Name": "VOLUME NAME", "Driver": "DRIVER", "Scope": "SCOPE", "Mountpoint": "MOUNTPOINT", "Links": "LINKS",
    "Size": "SIZE", "Labels": "LABELS", "Status": "STATUS", "Group": "GROUP", "Availability": "AVAILABILITY",
}  # fmt: skip
_FIELDS: dict[str, Any] = {
    "Name": lambda item: item["Name"],
    "Driver": lambda item: item["Driver"],
    "Scope": lambda item: item.get("Scope") or "local",
    "Mountpoint": lambda item: item.get("Mountpoint") or "",
    "Labels": formats.labels,
    "Links": lambda item: _usage(item, "RefCount", str),
    "Size": lambda item: _usage(item, "Size", units.size),
    "Status": lambda _item: "N/A",
    "Group": lambda _item: "N/A",
    "Availability": lambda _item: "N/A",
}


def show(items: Sequence[Item], fmt: str = "", *, quiet: bool = False) -> str:
    """The text of `volume ls`."""
    kind = formats.Kind(
        "*formatter.volumeContext",
        _FIELDS,
        _TITLES,
        ("Driver", "Name"),
        (("name", "Name"), ("driver", "Driver")),
        "Name",
    )
    return formats.listing(kind, sorted(items, key=lambda item: natural(item["Name"])), fmt, quiet=quiet)


def show_usage(items: Sequence[Item]) -> str:
    """The volumes part of `system df -v`."""
    return formats.listing(kind(), items)


def kind() -> formats.Kind:
    return formats.Kind("*formatter.volumeContext", _FIELDS, _TITLES, ("Name", "Links", "Size"), (), "Name")


def _usage(item: Item, name: str, render: Any) -> str:
    usage = item.get("UsageData")
    return str(render(usage[name])) if usage and usage.get(name, -1) >= 0 else "N/A"
