"""What lists print: docker's columns, `--format` templates, and their fields for each kind of object."""

from __future__ import annotations

from fairlead.cli import tables, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Item = dict[str, Any]
    Field = Callable[[Any], str]


class Kind:
    """How one kind of object is listed: the Go type its errors name, its fields, their titles, its columns and its
    `raw` form (label, field)."""

    def __init__(
        self,
        go_type: str,
        fields: dict[str, Callable[[Any], Any]],
        titles: dict[str, str],
        columns: Sequence[str],
        raw: Sequence[tuple[str, str]] = (),
        identifier: str = "ID",
        error_prefix: str = "template parsing error: ",
    ) -> None:
        self.go_type = go_type
        self.fields = fields
        self.titles = titles
        self.columns = columns
        self.raw = raw
        self.identifier = identifier
        self.error_prefix = error_prefix


def listing(kind: Kind, items: Sequence[Any], fmt: str = "", *, quiet: bool = False) -> str:
    """The whole text of a list, ready for stdout. TemplateError where the template is bad."""
    if fmt in ("", "table") and not quiet:
        wanted = [kind.fields[name] for name in kind.columns]
        heads = [kind.titles[name] for name in kind.columns]
        return _table([heads, *([str(field(item)) for field in wanted] for item in items)])
    if quiet and fmt in ("", "table", "raw"):
        show = kind.fields[kind.identifier]
        label = "" if fmt != "raw" else f"{kind.raw[0][0]}: "
        return "".join([f"{label}{show(item)}\n" for item in items])
    if fmt == "raw" and kind.raw:
        return "".join(_raw(kind, item) for item in items)
    return _templated(kind, items, fmt)


def _table(cells: list[list[str]]) -> str:
    if any("\t" in cell or "\n" in cell for row in cells for cell in row):
        return tables.align("".join("\t".join(row) + "\n" for row in cells))
    return tables.rows(cells)


def _raw(kind: Kind, item: Any) -> str:
    lines = [f"{label}: {kind.fields[name](item)}".rstrip() for label, name in kind.raw]
    return "\n".join(lines) + "\n\n"


def _templated(kind: Kind, items: Sequence[Any], fmt: str) -> str:
    from fairlead.cli import template

    tabular = fmt.startswith("table ")
    text = fmt[6:] if tabular else fmt
    text = "{{json .}}" if text == "json" else text.replace("\\t", "\t").replace("\\n", "\n")
    parsed = template.Template(text.strip() if tabular else text, prefix=kind.error_prefix)
    out = [parsed.render(context(kind, item)) + "\n" for item in items]
    if not tabular:
        return "".join(out)
    titles = template.Context("formatter.SubHeaderContext", {**kind.titles, "Label": _label_title})
    return tables.align("".join([parsed.headings(titles) + "\n", *out]))


def _label_title(name: str) -> str:
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def context(kind: Kind, item: Any) -> Any:
    """The row of an object for a template."""
    from fairlead.cli import template

    fields = {name: field(item) for name, field in kind.fields.items()}
    if isinstance(item, dict) and "Labels" in kind.fields:
        labels = item.get("Labels") or {}
        fields["Label"] = lambda name: labels.get(name, "")
    return template.Context(kind.go_type, fields)


def ago(item: Item) -> str:
    """`2 minutes ago`, from the unix time in `Created`."""
    import time

    return units.duration(time.time() - item["Created"]) + " ago"


def created_at(item: Item) -> str:
    return units.go_time(item["Created"])


def labels(item: Item) -> str:
    return ",".join(f"{key}={value}" for key, value in (item.get("Labels") or {}).items())


def short_id(identifier: str) -> str:
    return identifier.partition(":")[2][:12] if ":" in identifier else identifier[:12]


def ellipsis(text: str, limit: int) -> str:
    """The text, cut to so many characters, the last a `…`."""
    if len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)] + "…" if limit > 1 else text[:limit]
