"""What a container changed: its overlay upper directory beside the layers below, as Docker's `diff` words it.

The upper directory belongs to a process that may be changing it now: it is walked by descriptors that follow no link.
The layers below are ours and never change.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Any

MODIFIED, ADDED, DELETED = 0, 1, 2
_OPAQUE = "trusted.overlay.opaque"
_FILES = (".dockerenv", "etc/resolv.conf", "etc/hosts", "etc/hostname", "dev/console")
_DIRECTORIES = ("dev/pts", "dev/shm", "dev", "proc", "sys", "etc")
"""What an engine makes in every container to mount over: in Docker a layer of its own below the container's."""


def diff(arguments: dict[str, Any]) -> dict[str, Any]:
    """`upper`, `lower` (topmost first) → changes, sorted by path."""
    upper, lower = arguments["upper"], arguments["lower"]
    found = _Diff(placeholders(upper, lower))
    top = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found.directory(top, "", lower)
    finally:
        os.close(top)
    return {"changes": sorted(found.changes, key=lambda change: change[1])}


class _Diff:
    def __init__(self, ours: frozenset[str]) -> None:
        self.changes: list[tuple[int, str]] = []
        self._ours = ours

    def directory(self, fd: int, path: str, below: Sequence[str]) -> None:
        """`below`: the same directory in the layers, topmost first, as far as it shows through."""
        with os.scandir(fd) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            inner = f"{path}/{name}"
            if inner.removeprefix("/") not in self._ours:
                self._entry(fd, name, inner, below)
        if _is_opaque(fd):
            self._gone(path, below, set(names))

    def _gone(self, path: str, below: Sequence[str], kept: set[str]) -> None:
        for name in listing(below):
            if name not in kept:
                self.changes.append((DELETED, f"{path}/{name}"))

    def _entry(self, fd: int, name: str, path: str, below: Sequence[str]) -> None:
        try:
            now = os.lstat(name, dir_fd=fd)
        except FileNotFoundError:
            return
        before, folders = lookup(below, name)
        if _is_whiteout(now):
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


def lookup(below: Sequence[str], name: str) -> tuple[os.stat_result | None, list[str]]:
    """What `name` is in the layers, and, if a directory, where it has its content."""
    first: os.stat_result | None = None
    folders: list[str] = []
    for layer in below:
        path = f"{layer}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if _is_whiteout(status):
            break
        if not stat.S_ISDIR(status.st_mode):
            first = first or status
            break
        first = first or status
        folders.append(path)
        if _is_opaque(path):
            break
    return first, folders


def listing(below: Sequence[str]) -> list[str]:
    """The names that show in a directory of the layers."""
    names = {name for layer in below for name in os.listdir(layer)}
    return [name for name in names if lookup(below, name)[0] is not None]


def placeholders(upper: str, lower: Sequence[str]) -> frozenset[str]:
    """Names in the upper directory that are nothing but mount points of the engine's own mounts."""
    found: set[str] = set()
    for name in (*_FILES, *_DIRECTORIES):
        path = f"{upper}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        before = _below(lower, name)
        if name in _FILES:
            ours = stat.S_ISREG(status.st_mode) and not status.st_size and before is None
        else:
            ours = stat.S_ISDIR(status.st_mode) and not _is_opaque(path) and _only(path, name, found)
            ours = ours and (before is None or not _differ(before, status))
        if ours:
            found.add(name)
    return frozenset(found)


def _only(path: str, name: str, found: set[str]) -> bool:
    """Whether there is nothing else in the directory."""
    return all(f"{name}/{inner}" in found for inner in os.listdir(path))


def _below(lower: Sequence[str], name: str) -> os.stat_result | None:
    folder, _, base = name.rpartition("/")
    return lookup(lookup(lower, folder)[1] if folder else lower, base)[0]


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


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(target: str | int) -> bool:
    try:
        return os.getxattr(target, _OPAQUE) == b"y"
    except OSError:
        return False
