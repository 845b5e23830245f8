"""`ps`: fields, columns, and docker's grouping of ports."""

from __future__ import annotations

from fairlead.cli import formats, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Item = dict[str, Any]

_TITLES = {
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "RunningFor": "CREATED", "Status": "STATUS",
    "Ports": "PORTS", "Names": "NAMES", "Size": "SIZE", "CreatedAt": "CREATED AT", "Labels": "LABELS",
    "State": "STATE", "Mounts": "MOUNTS", "LocalVolumes": "LOCAL VOLUMES", "Networks": "NETWORKS",
    "Platform": "PLATFORM",
}  # fmt: skip
_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
_RAW = (
    ("container_id", "ID"), ("image", "Image"), ("command", "Command"), ("created_at", "CreatedAt"),
    ("state", "State"), ("status", "Status"), ("names", "Names"), ("labels", "Labels"), ("ports", "Ports"),
)  # fmt: skip
_ERRORS = "failed to {what} template: "


def show(
    items: Sequence[Item], fmt: str = "", *, quiet: bool = False, no_trunc: bool = False, with_size: bool = False
) -> str:
    """The text of `ps`."""
    return formats.listing(
        kind(no_trunc=no_trunc, with_size=with_size), items, "" if quiet and fmt != "raw" else fmt, quiet=quiet
    )


def asks_size(fmt: str) -> bool:
    """Whether a template shows sizes, which take the daemon a look at every file; TemplateError where it is bad."""
    from fairlead.cli import template

    asked = set()

    class Noting(template.Context):
        def __getitem__(self, name: str) -> Any:
            asked.add(name)
            return super().__getitem__(name)

    fields = {**dict.fromkeys(kind(no_trunc=False).fields, ""), "Label": lambda _name: ""}
    template.Template(fmt, prefix=_ERRORS).render(Noting("*formatter.ContainerContext", fields))
    return "Size" in asked or "json ." in fmt


def kind(*, no_trunc: bool, with_size: bool = False) -> formats.Kind:
    fields: dict[str, Any] = {
        "ID": (lambda item: item["Id"]) if no_trunc else (lambda item: item["Id"][:12]),
        "Image": lambda item: _image(item, no_trunc=no_trunc),
        "Command": lambda item: _command(item, no_trunc=no_trunc),
        "RunningFor": formats.ago,
        "CreatedAt": formats.created_at,
        "Status": lambda item: item["Status"],
        "State": lambda item: item["State"],
        "Ports": lambda item: ports(item.get("Ports") or ()),
        "Names": lambda item: _names(item, no_trunc=no_trunc),
        "Size": _size,
        "Labels": formats.labels,
        "Mounts": lambda item: _mounts(item, no_trunc=no_trunc),
        "LocalVolumes": lambda item: str(
            sum(1 for mount in item.get("Mounts") or () if mount.get("Driver") == "local")
        ),
        "Networks": lambda item: ",".join((item.get("NetworkSettings") or {}).get("Networks") or ()),
        "Platform": lambda _item: None,
    }
    columns = (*_COLUMNS, "Size") if with_size else _COLUMNS
    raw = (*_RAW, ("size", "Size")) if with_size else _RAW
    return formats.Kind("*formatter.ContainerContext", fields, _TITLES, columns, raw, error_prefix=_ERRORS)


def _image(item: Item, *, no_trunc: bool) -> str:
    name: str = item["Image"]
    if not name:
        return "<no image>"
    if no_trunc:
        return name
    if name == item.get("ImageID"):
        return formats.short_id(name)
    bare, at, _digest = name.partition("@")
    return bare if at and ":" in bare.rpartition("/")[2] else name


def _command(item: Item, *, no_trunc: bool) -> str:
    command: str = item["Command"]
    if not no_trunc:
        command = formats.ellipsis(command, 20)
    return _quote(command)


def _quote(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from fairlead.cli.gotemplate import lex

    return lex.quote(text)


def _names(item: Item, *, no_trunc: bool) -> str:
    names = [name.removeprefix("/") for name in item.get("Names") or ()]
    if not no_trunc:
        own = [name for name in names if "/" not in name]
        names = own[:1] or names
    return ",".join(names)


def _size(item: Item) -> str:
    written = units.size(item.get("SizeRw") or 0, digits=3)
    whole = item.get("SizeRootFs") or 0
    return f"{written} (virtual {units.size(whole, digits=3)})" if whole > 0 else written


def _mounts(item: Item, *, no_trunc: bool) -> str:
    names = [mount.get("Name") or mount.get("Source") or "" for mount in item.get("Mounts") or ()]
    return ",".join(name if no_trunc else formats.ellipsis(name, 15) for name in names)


def ports(entries: Sequence[Item]) -> str:
    """Docker's PORTS column: runs of equal numbers as one range, sorted."""
    if not entries:
        return ""
    groups: dict[str, tuple[int, int]] = {}
    done: list[str] = []
    single: list[str] = []
    for entry in sorted(entries, key=_port_order):
        private, public, address = entry["PrivatePort"], entry.get("PublicPort") or 0, entry.get("IP") or ""
        key = entry["Type"]
        if address:
            if public != private:
                single.append(f"{_host(address)}:{public}->{private}/{key}")
                continue
            key = f"{address}/{key}"
        if key not in groups:
            groups[key] = (private, private)
        elif private == groups[key][1] + 1:
            groups[key] = (groups[key][0], private)
        else:
            done.append(_group(key, *groups[key]))
            groups[key] = (private, private)
    return ", ".join([*done, *(_group(key, *ends) for key, ends in groups.items()), *single])


def _port_order(entry: Item) -> tuple[int, str, int, str]:
    return entry["PrivatePort"], entry.get("IP") or "", entry.get("PublicPort") or 0, entry["Type"]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _group(key: str, first: int, last: int) -> str:
    address, _, protocol = key.rpartition("/")
    span = str(first) if first == last else f"{first}-{last}"
    return f"{_host(address)}:{span}->{span}/{protocol}" if address else f"{span}/{protocol}"


def show_usage(items: Sequence[Item]) -> str:
    """The containers part of `system df -v`."""
    columns = ("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")
    base = kind(no_trunc=False)
    fields = {**base.fields, "Size": lambda item: units.size(item.get("SizeRw") or 0, digits=3)}
    return formats.listing(formats.Kind(base.go_type, fields, _TITLES, columns), items)
