"""What an overlay shows, worked out from the trees it is made of (the topmost first) without mounting it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

_OPAQUE = "trusted.overlay.opaque"


def lookup(layers: Sequence[str], name: str) -> tuple[os.stat_result | None, list[str]]:
    """What `name` is in the same directory of several layers, and, if a directory, where it has its content."""
    first: os.stat_result | None = None
    folders: list[str] = []
    for layer in layers:
        path = f"{layer}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if is_whiteout(status):
            break
        if not stat.S_ISDIR(status.st_mode):
            first = first or status
            break
        first = first or status
        folders.append(path)
        if is_opaque(path):
            break
    return first, folders


def listing(layers: Sequence[str]) -> list[str]:
    """The names that show in a directory of the layers."""
    names = {name for layer in layers for name in os.listdir(layer)}  # noqa: PTH208 (as text)
    return [name for name in names if lookup(layers, name)[0] is not None]


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(target: str | int) -> bool:
    try:
        return os.getxattr(target, _OPAQUE) == b"y"
    except OSError:
        return False
