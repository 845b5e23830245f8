"""What a container changed: its overlay upper directory beside the layers below, as Docker's `diff` words it.

The upper directory belongs to a process that may be changing it now: it is walked by descriptors that follow no link.
The layers below are ours and never change.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Any

from fairlead.linux import overlay

MODIFIED, ADDED, DELETED = 0, 1, 2


def diff(arguments: dict[str, Any]) -> dict[str, Any]:
    """`upper`, `lower` (topmost first) → changes, sorted by path."""
    upper, lower = arguments["upper"], arguments["lower"]
    found = _Diff()
    top = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found.directory(top, "", lower)
    finally:
        os.close(top)
    return {"changes": sorted(found.changes, key=lambda change: change[1])}


class _Diff:
    def __init__(self) -> None:
        self.changes: list[tuple[int, str]] = []

    def directory(self, fd: int, path: str, below: Sequence[str]) -> None:
        """`below`: the same directory in the layers, topmost first, as far as it shows through."""
        with os.scandir(fd) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            self._entry(fd, name, f"{path}/{name}", below)
        if overlay.is_opaque(fd):
            self._gone(path, below, set(names))

    def _gone(self, path: str, below: Sequence[str], kept: set[str]) -> None:
        for name in overlay.listing(below):
            if name not in kept:
                self.changes.append((DELETED, f"{path}/{name}"))

    def _entry(self, fd: int, name: str, path: str, below: Sequence[str]) -> None:
        try:
            now = os.lstat(name, dir_fd=fd)
        except FileNotFoundError:
            return
        before, folders = overlay.lookup(below, name)
        if overlay.is_whiteout(now):
            if before is not None:
                self.changes.append((DELETED, path))
            return
        at = len(self.changes)
        if stat.S_ISDIR(now.st_mode):
            self._inner(fd, name, path, folders)
        elif folders:
            self._gone(path, folders, set())
        if before is None:
            self.changes.insert(at, (ADDED, path))
        elif len(self.changes) > at or _differ(before, now):
            self.changes.insert(at, (MODIFIED, path))

    def _inner(self, fd: int, name: str, path: str, folders: Sequence[str]) -> None:
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        except OSError:
            return  # it was replaced under our eyes
        try:
            self.directory(inner, path, folders)
        finally:
            os.close(inner)


def _differ(before: os.stat_result, now: os.stat_result) -> bool:
    """Docker's measure: times and sizes of directories say nothing."""
    if (before.st_mode, before.st_uid, before.st_gid, before.st_rdev) != (
        now.st_mode, now.st_uid, now.st_gid, now.st_rdev,
    ):  # fmt: skip
        return True
    if stat.S_ISDIR(now.st_mode):
        return False
    return before.st_size != now.st_size or not _same_time(before.st_mtime_ns, now.st_mtime_ns)


def _same_time(one: int, other: int) -> bool:
    """Some file systems keep whole seconds only."""
    if one // 10**9 != other // 10**9:
        return False
    return one == other or one % 10**9 == 0 or other % 10**9 == 0
