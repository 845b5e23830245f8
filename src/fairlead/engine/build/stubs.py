"""Mount points that a step's container left in its layer: empty, and not the image's. They are nobody's files.

The runtime makes them, for targets of `--mount`. (Those of every container are in a layer apart: images/initlayer.py.)
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path


def sweep(upper: Path, lower: Sequence[Path], targets: Iterable[str]) -> None:
    """Removes them from `upper`; `lower` are the layers below, the topmost first."""
    paths = {path for target in targets for path in _with_parents(posixpath.normpath(target))}
    for path in sorted(paths, key=lambda path: path.count("/"), reverse=True):
        entry = Path(f"{upper}{path}")
        below = _below(lower, path)
        if below is None:
            _remove_empty(entry)
        elif below.is_dir():
            _remove_unchanged(entry, below)


def _with_parents(path: str) -> list[str]:
    out = []
    while path != "/":
        out.append(path)
        path = posixpath.dirname(path)
    return out


def _below(lower: Sequence[Path], path: str) -> Path | None:
    """The entry that the layers below show; None if there is none, or if it was deleted."""
    for layer in lower:
        for parent in reversed(_with_parents(path)[1:]):
            entry = Path(f"{layer}{parent}")
            if _is_whiteout(entry):
                return None
        entry = Path(f"{layer}{path}")
        if _is_whiteout(entry):
            return None
        if os.path.lexists(entry):
            return entry
        if any(_is_opaque(Path(f"{layer}{parent}")) for parent in _with_parents(path)[1:]):
            return None
    return None


def _is_whiteout(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def _remove_empty(entry: Path) -> None:
    try:
        status = entry.lstat()
    except OSError:
        return
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        entry.unlink()
    elif stat.S_ISDIR(status.st_mode) and not any(entry.iterdir()):
        entry.rmdir()


def _remove_unchanged(entry: Path, below: Path) -> None:
    """A directory that came up only because a mount point was made in it."""
    try:
        now, before = entry.lstat(), below.lstat()
    except OSError:
        return
    same = (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    if stat.S_ISDIR(now.st_mode) and same and not _is_opaque(entry) and not any(entry.iterdir()):
        entry.rmdir()
