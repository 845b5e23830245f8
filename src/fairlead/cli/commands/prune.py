"""What the prunes of every kind of object share: the question, the calls, the report."""

from __future__ import annotations

import sys

from fairlead.cli import client, units, userconfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from fairlead.cli.client import Client

    Filters = dict[str, list[str]]


def confirm(warning: str, *, break_line: bool = True) -> bool:
    """Whether the user says y."""
    sys.stdout.write(f"{warning}{chr(10) if break_line else ' '}Are you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == "y"


def reclaimed(size: int) -> str:
    return f"Total reclaimed space: {units.size(size)}\n"


def _post(api: Client, path: str, filters: Filters) -> Any:
    return api.post(path, filters=userconfig.prune_filters(filters)) or {}


def _report(title: str, names: Iterable[str]) -> None:
    shown = list(names)
    if shown:
        sys.stdout.write(f"{title}:\n" + "".join(f"{name}\n" for name in shown) + "\n")


def containers(api: Client, filters: Filters) -> int:
    answer = _post(api, "/containers/prune", filters)
    _report("Deleted Containers", answer.get("ContainersDeleted") or ())
    return int(answer.get("SpaceReclaimed") or 0)


def networks(api: Client, filters: Filters) -> int:
    answer = _post(api, "/networks/prune", filters)
    _report("Deleted Networks", answer.get("NetworksDeleted") or ())
    return 0


def volumes(api: Client, filters: Filters) -> int:
    answer = _post(api, "/volumes/prune", filters)
    _report("Deleted Volumes", answer.get("VolumesDeleted") or ())
    return int(answer.get("SpaceReclaimed") or 0)


def images(api: Client, filters: Filters, *, unused: bool) -> int:
    """`unused`: also images with a name that no container uses."""
    answer = _post(api, "/images/prune", {**filters, "dangling": ["false" if unused else "true"]})
    lines = [f"{verb.lower()}: {what}" for step in answer.get("ImagesDeleted") or () for verb, what in step.items()]
    _report("Deleted Images", lines)
    return int(answer.get("SpaceReclaimed") or 0)


def build_cache(api: Client, filters: Filters) -> int:
    try:
        answer = _post(api, "/build/prune", filters)
    except client.ApiError as error:
        if error.status in (404, 501):
            return 0
        raise
    _report("Deleted build cache objects", answer.get("CachesDeleted") or ())
    return int(answer.get("SpaceReclaimed") or 0)
