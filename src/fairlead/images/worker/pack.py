"""Turns a directory in overlayfs form into a layer's tar: hashed, recorded as a recipe, written only if wanted.

The order is sorted and times are whole seconds, so that equal trees give equal digests.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field

from fairlead.images.worker import header
from fairlead.images.worker.recipe import Writer
from fairlead.images.worker.unpack import OPAQUE, WHITEOUT

_CHUNK = 1 << 18
_SECOND = 1_000_000_000
_OVERLAY = "trusted.overlay."
_REPLACED = (errno.ENOENT, errno.ELOOP, errno.EACCES, errno.ENXIO)
"""What opening a file says that was a file a moment ago: its owner is alive. Devices do not open at all."""


@dataclass
class Packer:
    """`write` receives the tar; `recipe` the way to make it again."""

    root: str
    write: Callable[[bytes], object] | None = None
    recipe: Writer | None = None
    size: int = 0
    total: int = 0
    whiteouts: bool = True
    hashed: bool = True
    send: Callable[[int, int], int] | None = None
    """Takes the content of an open file, and so many bytes of it, past us; returns how many there were."""
    settle: bool = False
    """The tree becomes what its tar says: without sockets, times in whole seconds."""
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    _links: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def diff_id(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def run(self) -> None:
        """The whole tree, but for its root."""
        self._directory("", self.root)
        self._end()

    def run_one(self, name: str) -> None:
        """The root, be it a directory or not, under `name`, and what is below it."""
        self._entry(name, self.root)
        self._end()

    def _end(self) -> None:
        """As Go's writer ends it: no padding to a tape's record behind the mark."""
        self._raw(b"\0" * 1024)

    def _directory(self, name: str, path: str) -> None:
        if name and self.whiteouts and _opaque(path):
            self._header(self._info(f"{name}/{OPAQUE}", tarfile.REGTYPE))
        try:
            with os.scandir(path) as found:
                names = sorted(entry.name for entry in found)
        except FileNotFoundError:
            return  # removed under our eyes
        prefix = f"{name.rstrip('/')}/" if name else ""
        for base in names:
            self._entry(prefix + base, f"{path.rstrip('/')}/{base}")

    def _entry(self, name: str, path: str) -> None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return
        mode = status.st_mode
        if stat.S_ISSOCK(mode):
            if self.settle:
                os.unlink(path)
            return  # a socket without its server is nothing; Docker leaves it out too
        if self.whiteouts and stat.S_ISCHR(mode) and status.st_rdev == 0:
            parent, _, base = name.rpartition("/")
            self._header(self._info(f"{parent}/{WHITEOUT}{base}" if parent else WHITEOUT + base, tarfile.REGTYPE))
            return
        info = self._info(name, tarfile.REGTYPE)
        info.mode, info.uid, info.gid = stat.S_IMODE(mode), status.st_uid, status.st_gid
        info.mtime = status.st_mtime_ns // _SECOND
        info.pax_headers = _attributes(path)
        self._kind(info, path, status)
        self._header(info)
        if info.type == tarfile.REGTYPE:
            self._content(path, name, info.size)
        elif info.type == tarfile.DIRTYPE:
            self._directory(name, path)
        if self.settle and (status.st_mtime_ns % _SECOND or info.type == tarfile.DIRTYPE):
            os.utime(path, ns=(status.st_atime_ns, int(info.mtime) * _SECOND), follow_symlinks=False)

    def _kind(self, info: tarfile.TarInfo, path: str, status: os.stat_result) -> None:
        mode = status.st_mode
        key = (status.st_dev, status.st_ino)
        if stat.S_ISDIR(mode):
            info.type = tarfile.DIRTYPE
            info.name = info.name.rstrip("/") + "/"
        elif status.st_nlink > 1 and key in self._links:
            info.type, info.linkname = tarfile.LNKTYPE, self._links[key]
            info.pax_headers = {}
        elif stat.S_ISREG(mode):
            info.size = status.st_size
        elif stat.S_ISLNK(mode):
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
        elif stat.S_ISFIFO(mode):
            info.type = tarfile.FIFOTYPE
        else:
            info.type = tarfile.CHRTYPE if stat.S_ISCHR(mode) else tarfile.BLKTYPE
            info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
        if status.st_nlink > 1 and not stat.S_ISDIR(mode):
            self._links.setdefault(key, info.name)

    def _info(self, name: str, kind: bytes) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.mode = kind, 0
        return info

    def _header(self, info: tarfile.TarInfo) -> None:
        self._raw(header.render(info))

    def _content(self, path: str, name: str, size: int) -> None:
        if not size:
            return
        self.size += size
        if self.recipe is not None:
            self.recipe.file(os.fsencode(name), size)
        left = size - self._from_file(path, size)
        while left:  # shrank or went under our eyes: as tar does
            self._emit(b"\0" * min(left, _CHUNK))
            left -= min(left, _CHUNK)
        self._raw(b"\0" * (-size % tarfile.BLOCKSIZE))

    def _from_file(self, path: str, size: int) -> int:
        """How much of it there was."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _REPLACED:
                return 0
            raise
        try:
            done = 0
            if self.send is not None:
                done = self.send(fd, size)
                self.total += done
            while done < size and (data := os.read(fd, min(size - done, _CHUNK))):
                self._emit(data)
                done += len(data)
            return done
        finally:
            os.close(fd)

    def _raw(self, data: bytes) -> None:
        if self.recipe is not None:
            self.recipe.raw(data)
        self._emit(data)

    def _emit(self, data: bytes) -> None:
        if self.hashed:
            self._hash.update(data)
        self.total += len(data)
        if self.write is not None:
            self.write(data)


def _opaque(path: str) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def _attributes(path: str) -> dict[str, str]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {
            f"SCHILY.xattr.{name}": os.getxattr(path, name, follow_symlinks=False).decode("utf-8", "surrogateescape")
            for name in sorted(names)
            if not name.startswith(_OVERLAY)
        }
    except OSError:
        return {}
