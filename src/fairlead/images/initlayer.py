"""The layer between an image and its containers, made as Docker makes it: mount points of what the engine mounts in
every container, /etc/mtab, and /.dockerenv, by which programs know that they are in one. `cp` and `export` show it;
`diff` and `commit` do not.

Containers share it. One tree would do for all, were it not that an overlay takes a directory's mode and owner from the
topmost layer: so there is one for each way in which images have their own /etc and /dev.
"""

from __future__ import annotations

import functools
import hashlib
import os
import posixpath
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fairlead.linux import overlay

_DIRECTORIES = ("/dev/pts", "/dev/shm", "/proc", "/sys")
_FILES = ("/.dockerenv", "/dev/console", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_LINKS = {"/etc/mtab": "/proc/mounts"}


@dataclass(frozen=True)
class _Entry:
    """A directory, unless it is a file or has a target."""

    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)
    attributes: tuple[tuple[str, bytes], ...] = ()
    is_file: bool = False
    target: str = ""


_Plan = dict[str, _Entry]


class InitLayers:
    def __init__(self, root: Path) -> None:
        self._root = root
        # The trees of layers never change, and each has a name of its own.
        self._plan = functools.lru_cache(maxsize=128)(_plan)

    def above(self, layers: tuple[str, ...]) -> Path:
        """The tree that belongs above these, the topmost first; made if it is not there."""
        plan = self._plan(layers)
        name = hashlib.sha256(repr(sorted(plan.items())).encode()).hexdigest()[:16]
        place = self._root / "init" / name
        if not place.exists():
            place.parent.mkdir(mode=0o710, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix="init-", dir=self._root))  # where a start sweeps what is nobody's
            _make(made, plan)
            made.rename(place)
        return place


def _plan(layers: tuple[str, ...]) -> _Plan:
    """Parents first. What an image has at these places stays if it is a directory, and is covered if it is not."""
    plan: _Plan = {}
    for path in _DIRECTORIES:
        _add(plan, layers, path, _Entry())
    for path in _FILES:
        _add(plan, layers, path, _Entry(is_file=True))
    for path, target in _LINKS.items():
        _add(plan, layers, path, _Entry(target=target))
    return plan


def _add(plan: _Plan, layers: tuple[str, ...], path: str, entry: _Entry) -> None:
    parent, name = posixpath.split(path)
    folders: list[str] = list(layers)
    if parent != "/":
        status, folders = overlay.lookup(layers, parent[1:])
        if parent not in plan:
            plan[parent] = _like(status, folders)
    found, _ = overlay.lookup(folders, name)
    if found is None or not stat.S_ISDIR(found.st_mode):
        plan[path] = entry


def _like(status: os.stat_result | None, folders: list[str]) -> _Entry:
    if status is None or not folders:
        return _Entry()
    names = (name for name in os.listxattr(folders[0]) if not name.startswith("trusted.overlay."))
    return _Entry(
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        attributes=tuple((name, os.getxattr(folders[0], name)) for name in sorted(names)),
    )


def _make(root: Path, plan: _Plan) -> None:
    try:
        root.chmod(0o755)
        for path, entry in plan.items():
            place = f"{root}{path}"
            if entry.target:
                Path(place).symlink_to(entry.target)
                continue
            if entry.is_file:
                Path(place).touch()
            else:
                Path(place).mkdir()
            for name, value in entry.attributes:
                os.setxattr(place, name, value)
            os.chown(place, *entry.owner)
            Path(place).chmod(entry.mode)
    except OSError:
        shutil.rmtree(root, ignore_errors=True)
        raise
