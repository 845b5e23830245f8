"""`images` and `history`: fields and columns."""

from __future__ import annotations

from fairlead.cli import formats, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Item = dict[str, Any]

_TITLES = {
    "ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT", "Size": "SIZE", "Containers": "CONTAINERS", "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
}  # fmt: skip
_COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size")
_USAGE_COLUMNS = (
    "Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers",
)  # fmt: skip
_HISTORY_TITLES = {
    "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE",
    "Comment": "COMMENT",
}  # fmt: skip


def show(
    items: Sequence[Item], fmt: str = "", *, quiet: bool = False, no_trunc: bool = False, digests: bool = False
) -> str:
    """The text of `images`."""
    wants_digest = digests or "Digest" in fmt
    rows = [row for item in items for row in _rows(item, digests=wants_digest and not quiet)]
    columns = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size") if digests else _COLUMNS
    return formats.listing(kind(no_trunc=no_trunc, columns=columns, digests=digests), rows, fmt, quiet=quiet)


def show_usage(items: Sequence[Item], fmt: str = "") -> str:
    """The images part of `system df -v`."""
    return formats.listing(kind(no_trunc=False, columns=_USAGE_COLUMNS), rows(items), fmt)


def rows(items: Sequence[Item]) -> list[Item]:
    """One row for each image."""
    return [_rows(item, digests=False)[0] for item in items]


def kind(*, no_trunc: bool, columns: Sequence[str], digests: bool = False) -> formats.Kind:
    fields: dict[str, Any] = {
        "ID": (lambda item: item["Id"]) if no_trunc else (lambda item: formats.short_id(item["Id"])),
        "Repository": lambda item: item["Repository"],
        "Tag": lambda item: item["Tag"],
        "Digest": lambda item: item["Digest"],
        "CreatedSince": formats.ago,
        "CreatedAt": formats.created_at,
        "Size": lambda item: units.size(item["Size"], digits=3),
        "VirtualSize": lambda item: units.size(item["Size"]),
        "Containers": lambda item: _known(item.get("Containers", -1), str),
        "SharedSize": lambda item: _known(item.get("SharedSize", -1), units.size),
        "UniqueSize": _unique,
    }
    raw = [("repository", "Repository"), ("tag", "Tag"), ("image_id", "ID"), ("created_at", "CreatedAt")]
    raw[2:2] = [("digest", "Digest")] if digests else []
    return formats.Kind("*formatter.imageContext", fields, _TITLES, columns, [*raw, ("virtual_size", "Size")])


def _known(count: int, render: Any) -> str:
    return str(render(count)) if count >= 0 else "N/A"


def _unique(item: Item) -> str:
    shared = item.get("SharedSize", -1)
    return units.size(item["Size"] - shared) if shared >= 0 and item["Size"] >= 0 else "N/A"


def _rows(item: Item, *, digests: bool) -> list[Item]:
    """One row for each name of an image; a nameless image has one row."""
    found: list[Item] = []
    tagged: dict[str, list[str]] = {}
    for name in item.get("RepoTags") or ():
        repository, _, tag = name.rpartition(":")
        tagged.setdefault(repository, []).append(tag)
    by_digest: dict[str, list[str]] = {}
    for name in item.get("RepoDigests") or ():
        repository, _, digest = name.partition("@")
        by_digest.setdefault(repository, []).append(digest)
    for repository, tags in tagged.items():
        known = by_digest.pop(repository, []) if digests else []
        found += [_row(item, repository, tag, digest) for tag in tags for digest in known or ["<none>"]]
    if digests or not tagged:
        for repository, known in by_digest.items():
            found += [_row(item, repository, "<none>", digest if digests else "") for digest in known]
    return found or [_row(item, "<none>", "<none>", "<none>")]


def _row(item: Item, repository: str, tag: str, digest: str) -> Item:
    return {**item, "Repository": repository, "Tag": tag, "Digest": digest}


def show_history(
    items: Sequence[Item], fmt: str = "", *, quiet: bool = False, no_trunc: bool = False, human: bool = True
) -> str:
    """The text of `history`."""
    fields: dict[str, Any] = {
        "ID": (lambda item: item["Id"]) if no_trunc else (lambda item: formats.short_id(item["Id"])),
        "CreatedAt": lambda item: units.rfc3339(item["Created"]),
        "CreatedSince": (formats.ago if human else lambda item: units.rfc3339(item["Created"])),
        "CreatedBy": lambda item: _created_by(item, no_trunc=no_trunc),
        "Size": (lambda item: units.size(item["Size"], digits=3)) if human else (lambda item: str(item["Size"])),
        "Comment": lambda item: item.get("Comment") or "",
    }
    columns = ("ID", "CreatedSince" if human else "CreatedAt", "CreatedBy", "Size", "Comment")
    kind = formats.Kind("*image.historyContext", fields, _HISTORY_TITLES, columns)
    return formats.listing(kind, items, fmt, quiet=quiet)


def _created_by(item: Item, *, no_trunc: bool) -> str:
    text = (item.get("CreatedBy") or "").replace("\t", " ")
    return text if no_trunc else formats.ellipsis(text, 45)
