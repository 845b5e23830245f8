"""Copies files of a build context (or of another image) into a tree, and unpacks archives there: COPY and ADD.

Sources are opened below a directory that was opened before the chroot, with openat2(RESOLVE_IN_ROOT), so that no link
of theirs leads out of it; the target is the chroot itself. So neither a context nor an image can reach anything else.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from dataclasses import dataclass, field
from typing import Any

from fairlead import modes, patterns
from fairlead.images.worker import unpack
from fairlead.images.worker.source import Source
from fairlead.linux import files

_CHUNK = 1 << 20
_LIMIT = 1 << 40


@dataclass
class Copier:
    """`owner` of what is copied; None keeps the source's. `mode` (modes.py) changes every mode."""

    root: int
    owner: tuple[int, int] | None = (0, 0)
    mode: str = ""
    archives: bool = False
    excluded: patterns.Patterns = field(default_factory=lambda: patterns.Patterns([]))
    _links: dict[tuple[int, int], str] = field(default_factory=dict)

    def place(self, path: str, destination: str, *, into: bool, base: str) -> None:
        """One source. `into`: the destination is a directory that a file goes into, under the name `base`."""
        fd = files.open_at_root(self.root, path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                self.parents(destination)
                self._tree(fd, destination, "")
            elif self.archives and _is_archive(fd):
                self.parents(destination)
                self._unpack(fd, destination)
            else:
                target = f"{destination.rstrip('/')}/{base}" if into or os.path.isdir(destination) else destination
                self.parents(os.path.dirname(target))
                self._file(fd, target)
        finally:
            os.close(fd)

    def with_parents(self, path: str, destination: str) -> None:
        """One source of `--parents`: below the directories it lies in, from `/./` on; links stay links."""
        base, _, kept = path.rpartition("/./")
        if self.excluded.excludes(kept):
            return
        self.parents(destination)
        *above, name = kept.split("/")
        folder = base or "."
        for part in above:
            folder, destination = f"{folder}/{part}", f"{destination.rstrip('/')}/{part}"
            self._folder(folder, destination)
        fd = files.open_at_root(self.root, folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if name == ".":
                self._tree(fd, destination, "")
            elif stat.S_ISDIR(status.st_mode):
                self._directory(fd, name, f"{destination.rstrip('/')}/{name}", f"{kept}/")
            else:
                self._leaf(fd, name, f"{destination.rstrip('/')}/{name}", status)
        finally:
            os.close(fd)

    def _folder(self, source: str, target: str) -> None:
        """A directory alone, with the mode it has."""
        if os.path.isdir(target):
            return
        fd = files.open_at_root(self.root, source, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.mkdir(target)
            self._finish(target, os.fstat(fd))
        finally:
            os.close(fd)

    def _unpack(self, fd: int, destination: str) -> None:
        os.chdir(destination)
        os.lseek(fd, 0, os.SEEK_SET)
        unpack.Unpacker(Source(fd, limit=_LIMIT), None, layer=False).run()
        os.chdir("/")

    def parents(self, path: str) -> None:
        missing = []
        while path not in ("/", "") and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for made in reversed(missing):
            if os.path.lexists(made):
                raise unpack.Refused(f"cannot copy to non-directory: {made}")
            os.mkdir(made, 0o755)
            os.chown(made, *(self.owner or (0, 0)))

    def _owner(self, status: os.stat_result) -> tuple[int, int]:
        return self.owner or (status.st_uid, status.st_gid)

    def _mode(self, status: os.stat_result) -> int:
        mode = stat.S_IMODE(status.st_mode)
        return modes.apply(self.mode, mode, directory=stat.S_ISDIR(status.st_mode)) if self.mode else mode

    def _file(self, fd: int, target: str) -> None:
        status = os.fstat(fd)
        if os.path.isdir(target) and not os.path.islink(target):
            raise unpack.Refused(f"cannot replace to directory {target} with file")
        _remove(target)
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and key in self._links:
            os.link(self._links[key], target)
            return
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            _content(fd, out)
            os.fchown(out, *self._owner(status))
            os.fchmod(out, self._mode(status))
            _capability(fd, out)
            os.utime(out, ns=(status.st_mtime_ns, status.st_mtime_ns))
        finally:
            os.close(out)
        if status.st_nlink > 1:
            self._links[key] = target

    def _tree(self, fd: int, target: str, inside: str) -> None:
        """The content of a directory, merged into `target`."""
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            relative = f"{inside}{name}"
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            excluded = self.excluded.excludes(relative)
            if stat.S_ISDIR(status.st_mode):
                if not excluded or self.excluded.has_exceptions:
                    self._directory(fd, name, f"{target.rstrip('/')}/{name}", f"{relative}/")
            elif not excluded:
                self._leaf(fd, name, f"{target.rstrip('/')}/{name}", status)

    def _directory(self, fd: int, name: str, path: str, inside: str) -> None:
        if not os.path.isdir(path) or os.path.islink(path):
            _remove(path)
            os.mkdir(path)
        inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=fd)
        try:
            self._tree(inner, path, inside)
            self._finish(path, os.fstat(inner))
        finally:
            os.close(inner)

    def _leaf(self, fd: int, name: str, path: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode):
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                self._file(inner, path)
            finally:
                os.close(inner)
            return
        if stat.S_ISSOCK(status.st_mode):
            return
        _remove(path)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=fd), path)
            os.chown(path, *self._owner(status), follow_symlinks=False)
            os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns), follow_symlinks=False)
            return
        os.mknod(path, status.st_mode, status.st_rdev)
        self._finish(path, status)

    def _finish(self, path: str, status: os.stat_result) -> None:
        os.chown(path, *self._owner(status))
        os.chmod(path, self._mode(status))
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """`paths` below `source` go to `destination` in `target`; `parents`: with the directories they lie in."""
    root = os.open(arguments["source"], os.O_PATH | os.O_DIRECTORY)
    os.chroot(arguments["target"])
    os.chdir("/")
    os.umask(0)
    copier = Copier(
        root,
        owner=tuple(arguments["owner"]) if arguments["owner"] else None,
        mode=arguments.get("mode", ""),
        archives=arguments.get("archives", False),
        excluded=_excluded(arguments.get("exclude", ())),
    )
    # A link at the destination is followed, within the target; one among its files is replaced.
    into = arguments["destination"].endswith("/")
    destination = os.path.realpath(arguments["destination"])
    for path in arguments["paths"]:
        if arguments.get("parents"):
            copier.with_parents(path, destination)
        elif not copier.excluded.excludes(os.path.basename(path)):
            copier.place(path, destination, into=into, base=os.path.basename(path.rstrip("/")))
    return {}


def _excluded(given: list[str]) -> patterns.Patterns:
    try:
        return patterns.Patterns(patterns.read("\n".join(given)))
    except ValueError as error:
        raise unpack.Refused(str(error)) from error


def _is_archive(fd: int) -> bool:
    """Whether a tar begins here, compressed or not."""
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        block = Source(fd, limit=_LIMIT).read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except Exception:  # noqa: BLE001  every decompressor has errors of its own; any of them means: no archive
        return False
    return True


def _content(source: int, target: int) -> None:
    """In the kernel, where both file systems can."""
    os.lseek(source, 0, os.SEEK_SET)
    try:
        while os.copy_file_range(source, target, _CHUNK):
            pass
        if os.lseek(target, 0, os.SEEK_CUR) or not os.fstat(source).st_size:
            return
    except OSError:
        os.lseek(source, os.lseek(target, 0, os.SEEK_CUR), os.SEEK_SET)
    while data := os.read(source, _CHUNK):
        os.write(target, data)


def _capability(source: int, target: int) -> None:
    try:
        os.setxattr(target, "security.capability", os.getxattr(source, "security.capability"))
    except OSError:
        return


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
