"""`images --tree`: each image once, below its names. The images of this engine have one platform, so no branches."""

from __future__ import annotations

from fairlead.cli import formats, tables, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_HEADS = ("IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA")
_NOTES = (
    "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.\n"
    "                                                              Info ->  U In Use \n\n"
)


def show(items: Sequence[dict[str, Any]], *, used: set[str], bold: bool) -> str:
    """`used`: ids of images that a container has."""
    rows = [_HEADS]
    for item in items:
        *others, last = item.get("RepoTags") or ["<untagged>"]
        rows += [(name, "", "", "", "") for name in others]
        mark = "U" if item["Id"] in used else ""
        rows.append((last, formats.short_id(item["Id"]), units.size(item["Size"], digits=3), "0B", mark))
    lines = tables.rows(rows).split("\n")
    if bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return _NOTES + "\n".join(line.rstrip() for line in lines)
