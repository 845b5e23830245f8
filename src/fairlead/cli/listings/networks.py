"""`network ls`: fields and columns."""

from __future__ import annotations

from fairlead.cli import formats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Item = dict[str, Any]

_TITLES = {
    "ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "IPv4": "IPV4", "IPv6": "IPV6",
    "Internal": "INTERNAL", "Labels": "LABELS", "CreatedAt": "CREATED AT",
}  # fmt: skip
_RAW = (("network_id", "ID"), ("name", "Name"), ("driver", "Driver"), ("scope", "Scope"))


def show(items: Sequence[Item], fmt: str = "", *, quiet: bool = False, no_trunc: bool = False) -> str:
    """The text of `network ls`."""
    fields: dict[str, Any] = {
        "ID": (lambda item: item["Id"]) if no_trunc else (lambda item: item["Id"][:12]),
        "Name": lambda item: item["Name"],
        "Driver": lambda item: item["Driver"],
        "Scope": lambda item: item["Scope"],
        "IPv4": lambda item: _fact(item.get("EnableIPv4", True)),
        "IPv6": lambda item: _fact(item.get("EnableIPv6", False)),
        "Internal": lambda item: _fact(item.get("Internal", False)),
        "Labels": formats.labels,
        "CreatedAt": lambda item: created(item.get("Created", "")),
    }
    kind = formats.Kind("*network.networkContext", fields, _TITLES, ("ID", "Name", "Driver", "Scope"), _RAW)
    return formats.listing(kind, sorted(items, key=lambda item: natural(item["Name"])), fmt, quiet=quiet)


def _fact(value: bool) -> str:
    return "true" if value else "false"


def created(stamp: str) -> str:
    """Go's print of an RFC 3339 time."""
    day, _, clock = stamp.partition("T")
    zone = "+0000 UTC"
    if clock.endswith("Z"):
        clock = clock[:-1]
    elif clock[-6:-5] in ("+", "-"):
        clock, offset = clock[:-6], clock[-6:].replace(":", "")
        zone = f"{offset} {offset}"
    return f"{day} {clock.rstrip('0').rstrip('.') if '.' in clock else clock} {zone}"


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts `app2` before `app10`."""
    key: list[tuple[int, int, str]] = []
    at = 0
    while at < len(name):
        end = at + 1
        digits = name[at].isdecimal()
        while end < len(name) and name[end].isdecimal() == digits:
            end += 1
        part = name[at:end]
        key.append((0, int(part), part) if digits else (1, 0, part))
        at = end
    return key
