"""`search`: fields and columns."""

from __future__ import annotations

from fairlead.cli import formats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Item = dict[str, Any]

_TITLES = {
    "Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL",
    "IsAutomated": "AUTOMATED",
}  # fmt: skip


def show(items: Sequence[Item], fmt: str = "", *, no_trunc: bool = False) -> str:
    """What has most stars comes first."""
    fields: dict[str, Any] = {
        "Name": lambda item: item["name"],
        "Description": lambda item: _description(item, no_trunc=no_trunc),
        "StarCount": lambda item: str(item.get("star_count") or 0),
        "IsOfficial": lambda item: "[OK]" if item.get("is_official") else "",
        "IsAutomated": lambda item: "[OK]" if item.get("is_automated") else "",
    }
    columns = ("Name", "Description", "StarCount", "IsOfficial")
    kind = formats.Kind("*search.searchContext", fields, _TITLES, columns, identifier="Name")
    ordered = sorted(items, key=lambda item: -int(item.get("star_count") or 0))
    return formats.listing(kind, ordered, fmt)


def _description(item: Item, *, no_trunc: bool) -> str:
    text = (item.get("description") or "").replace("\n", " ").replace("\r", " ")
    return text if no_trunc else formats.ellipsis(text, 45)
