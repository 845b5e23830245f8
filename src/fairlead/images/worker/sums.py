"""What the build cache compares of files: names, kinds, modes, links and contents; not times and owners.

A context is summed while it is unpacked (`Table`); trees of images are summed where they lie (`of_paths`).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from fairlead import patterns
from fairlead.images.worker.unpack import Refused
from fairlead.linux import files

_CHUNK = 1 << 18


def head(kind: int, mode: int, link: str = "", capability: bytes = b"") -> bytes:
    """Of everything but the content; `kind` is that of stat.S_IFMT."""
    return f"{stat.S_IFMT(kind):o}\0{mode & 0o7777:o}\0{link}\0".encode("utf-8", "surrogateescape") + capability


def named(name: str, digest: str) -> str:
    """The sum of an entry at its place."""
    return hashlib.sha256(f"{name}\0{digest}".encode("utf-8", "surrogateescape")).hexdigest()


def tree(sums: list[str]) -> str:
    """The sum of a directory, from those of all that is in it."""
    return "dir:" + hashlib.sha256(",".join(sorted(sums)).encode()).hexdigest()


def of_paths(root: str, wanted: list[str]) -> list[dict[str, Any]]:
    """For each pattern the paths that fit, with their sums: `[{pattern, path, sum, directory}]`."""
    top = os.open(root, os.O_PATH | os.O_DIRECTORY)
    out: list[dict[str, Any]] = []
    for pattern in wanted:
        found = list(_matching(top, pattern)) if patterns.has_wildcard(pattern) else [pattern]
        out += [{"pattern": pattern, **_of_path(top, path)} for path in found]
    return out


def _matching(top: int, pattern: str) -> Iterator[str]:
    fits = patterns.of_copy(pattern).match
    depth = pattern.count("/")
    for folder, names, leaves, _ in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        names.sort()
        inside = os.path.normpath(folder)
        prefix = "" if inside == "." else f"{inside}/"
        yield from (f"{prefix}{name}" for name in sorted([*names, *leaves]) if fits(f"{prefix}{name}"))
        if prefix.count("/") >= depth:
            names.clear()


def _of_path(top: int, path: str) -> dict[str, Any]:
    try:
        fd = files.open_at_root(top, path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refused(f"stat {path}: file does not exist") from None
    except OSError as error:
        raise Refused(f"stat {path}: {os.strerror(error.errno or 0).lower()}") from None
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            return {"path": path, "directory": True, "sum": tree(list(_of_tree(fd, "")))}
        return {"path": path, "directory": False, "sum": "file:" + named(os.path.basename(path), _of_file(fd))}
    finally:
        os.close(fd)


def _of_tree(fd: int, prefix: str) -> Iterator[str]:
    with os.scandir(fd) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        path = prefix + name
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                yield named(path, _of_file(inner))
                if stat.S_ISDIR(status.st_mode):
                    yield from _of_tree(inner, f"{path}/")
            finally:
                os.close(inner)
        else:
            link = os.readlink(name, dir_fd=fd) if stat.S_ISLNK(status.st_mode) else str(status.st_rdev)
            yield named(path, hashlib.sha256(head(status.st_mode, status.st_mode, link)).hexdigest())


def _of_file(fd: int) -> str:
    status = os.fstat(fd)
    digest = hashlib.sha256(head(status.st_mode, status.st_mode, capability=_capability(fd)))
    if stat.S_ISREG(status.st_mode):
        while data := os.read(fd, _CHUNK):
            digest.update(data)
    return digest.hexdigest()


def _capability(fd: int) -> bytes:
    try:
        return os.getxattr(fd, "security.capability")
    except OSError:
        return b""


class Table:
    """The sums of an archive's entries, by name; the last entry of a name counts, as on disk."""

    def __init__(self) -> None:
        self._sums: dict[str, str] = {}

    def entry(self, name: str, kind: int, mode: int, link: str = "", capability: bytes = b"") -> hashlib._Hash:
        """To be updated with the content, and given to `put`."""
        if not stat.S_ISDIR(kind):
            self.forget(name)
        return hashlib.sha256(head(kind, mode, link, capability))

    def put(self, name: str, mark: str, digest: str) -> None:
        self._sums[name] = f"{mark}{digest}"

    def same(self, name: str, target: str) -> None:
        """A hard link."""
        self._sums[name] = self._sums.get(target, f"f{'':064}")

    def forget(self, name: str) -> None:
        if self._sums.pop(name, "f").startswith("d"):
            for inner in [path for path in self._sums if path.startswith(f"{name}/")]:
                del self._sums[inner]

    def write(self, write: Callable[[bytes], object]) -> None:
        """Rows of mark (`f`ile, `d`irectory, `l`ink, `o`ther), digest and name, each ended by a zero."""
        for name, row in self._sums.items():
            write(f"{row}{name}\0".encode("utf-8", "surrogateescape"))
