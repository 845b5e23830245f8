"""Unpacks a tar into the directory this process is chrooted to: a layer in overlayfs form, or a plain tree.

Nothing can get out, since `/` is the target. What an archive may not do inside is refused: names that climb
above `/`, links to what is not there, device 0:0 and overlay's own attributes (they would mean "deleted").
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from fairlead.images.worker import attributes
from fairlead.images.worker.header import Header
from fairlead.images.worker.recipe import Writer
from fairlead.images.worker.source import Source

if TYPE_CHECKING:
    from fairlead.images.worker.sums import Table

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_ITS_FAULT = (
    errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EEXIST,
    errno.EMLINK, errno.EOVERFLOW,
)  # fmt: skip
_MOST_IDS = (1 << 32) - 1


class Refused(Exception):
    """The archive holds something that is not taken."""


class Entry(Header):
    """tarfile takes a damaged header in the middle of an archive for its end; we do not. Global headers (git's comment)
    mean nothing, as for Docker."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]  # not in typeshed
            if archive.offset == 0:
                raise
            raise Refused(f"archive is damaged: {error}") from error

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type != tarfile.XGLTYPE:
            return super()._proc_pax(archive)  # type: ignore[misc,no-any-return]  # not in typeshed
        archive.fileobj.read(self._block(self.size))  # type: ignore[attr-defined]  # not in typeshed
        try:
            return self.fromtarfile(archive)
        except tarfile.HeaderError as error:
            raise Refused(f"archive is damaged: {error}") from error


@dataclass
class Unpacker:
    source: Source
    recipe: Writer | None = None
    layer: bool = True
    """Whether `.wh.` names mean deletions."""
    sums: Table | None = None
    """Receives what the build cache compares."""
    size: int = 0
    entries: int = 0
    _directories: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    _made: set[str] = field(default_factory=lambda: {"."})
    """Directories known to exist as directories, to spare the look-up."""
    _files: dict[str, int] = field(default_factory=dict)
    _whited: set[str] = field(default_factory=set)

    def run(self) -> None:
        os.umask(0)
        try:
            for info in entries(self.source):
                try:
                    self._entry(info)
                except (OverflowError, ValueError) as error:
                    raise Refused(f"archive entry {info.name!r}: {error}") from error
                except OSError as error:
                    if error.errno not in _ITS_FAULT:
                        raise
                    raise Refused(f"archive entry {info.name!r}: {error.strerror}") from error
        except tarfile.ReadError as error:
            if self.source.size or str(error) != "empty file":
                raise Refused(f"not a tar archive: {error}") from error
        self.source.drain()
        for name in sorted(self._directories, key=len, reverse=True):
            attributes.set_times(name, self._directories[name])

    def _entry(self, info: tarfile.TarInfo) -> None:
        name = clean(info.name)
        self.entries += 1
        parent, _, base = name.rpartition("/")
        if parent and parent not in self._made:
            parent = self._parent(parent)
            name = f"{parent}/{base}" if parent else base
        if self.layer and base.startswith(WHITEOUT):
            self._whiteout(parent or ".", base)
        elif info.isdir():
            self._directory(name, info)
        elif name == ".":
            raise Refused(f"archive entry {info.name!r} would replace the root directory")
        elif info.isreg():
            self._regular(name, info)
        else:
            self._clear(name)
            self._other(name, info)

    def _other(self, name: str, info: tarfile.TarInfo) -> None:
        if info.islnk():
            self._hard_link(name, info)
        elif info.issym():
            os.symlink(info.linkname, name)
            os.chown(name, info.uid, info.gid, follow_symlinks=False)
            attributes.set_attributes(name, info)
            attributes.set_times(name, info)
            self._sum(name, stat.S_IFLNK, 0o777, "l", info.linkname)
        elif info.ischr() or info.isblk() or info.isfifo():
            self._node(name, info)
        else:
            raise Refused(f"archive entry {info.name!r} is of an unknown kind")

    def _regular(self, name: str, info: tarfile.TarInfo) -> None:
        self.size += info.size
        fd = self._new_file(name, info)
        try:
            if info.sparse is not None:
                self._sparse(fd, info)
            else:
                if self.recipe is not None and info.size:
                    self._files[name] = self.recipe.file(os.fsencode(name), info.size)
                self._content(name, fd, info)
            os.fchown(fd, info.uid, info.gid)
            os.fchmod(fd, info.mode & 0o7777)
            if info.pax_headers:
                attributes.set_attributes(fd, info)
            os.utime(fd, ns=attributes.times(info))
        finally:
            os.close(fd)

    def _new_file(self, name: str, info: tarfile.TarInfo) -> int:
        """Mostly nothing is there, which is cheaper to find out by making it."""
        try:
            try:
                return os.open(name, _NEW, 0o600)
            except FileExistsError:
                self._clear(name)
                return os.open(name, _NEW, 0o600)
        except OSError as error:
            raise Refused(f"archive entry {info.name!r}: {error.strerror}") from error

    def _content(self, name: str, fd: int, info: tarfile.TarInfo) -> None:
        if self.sums is None:
            self.source.copy(info.size, lambda piece: os.write(fd, piece))
            return
        capability = info.pax_headers.get(f"{attributes.XATTR}security.capability", "")
        data = capability.encode("utf-8", "surrogateescape")
        digest = self.sums.entry(name, stat.S_IFREG, info.mode, capability=data)

        def write(piece: memoryview) -> int:
            done = os.write(fd, piece)
            digest.update(piece[:done])
            return done

        self.source.copy(info.size, write)
        self.sums.put(name, "f", digest.hexdigest())

    def _sum(self, name: str, kind: int, mode: int, mark: str, link: str = "") -> None:
        if self.sums is not None:
            self.sums.put(name, mark, self.sums.entry(name, kind, mode, link).hexdigest())

    def _sparse(self, fd: int, info: tarfile.TarInfo) -> None:
        """Contents of sparse files are kept in the recipe as they stand in the tar: no file has these bytes."""
        pieces: Any = getattr(info, "sparse", None) or ()
        for offset, length in pieces:
            os.lseek(fd, offset, os.SEEK_SET)
            left = length
            while left:
                data = self.source.content(left)
                if not data:
                    raise EOFError("unexpected end of archive")
                os.write(fd, data)
                left -= len(data)
        os.ftruncate(fd, info.size)
        if self.sums is not None:
            digest = self.sums.entry(clean(info.name), stat.S_IFREG, info.mode)
            digest.update(repr((info.size, pieces)).encode())
            for offset, length in pieces:
                for at in range(offset, offset + length, 1 << 18):
                    digest.update(os.pread(fd, min(1 << 18, offset + length - at), at))
            self.sums.put(clean(info.name), "f", digest.hexdigest())

    def _hard_link(self, name: str, info: tarfile.TarInfo) -> None:
        target = clean(info.linkname)
        try:
            status = os.lstat(target)
            if stat.S_ISDIR(status.st_mode):
                raise Refused(f"archive entry {info.name!r} is a hard link to a directory")
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                raise Refused(f"archive entry {info.name!r} links to {info.linkname!r}, which is deleted")
            os.link(target, name, follow_symlinks=False)
            if self.sums is not None:
                self.sums.same(name, target)
        except OSError as error:
            raise Refused(f"archive entry {info.name!r} links to {info.linkname!r}: {error.strerror}") from error

    def _node(self, name: str, info: tarfile.TarInfo) -> None:
        if info.isfifo():
            os.mkfifo(name)
        else:
            device = os.makedev(info.devmajor, info.devminor)
            if info.ischr() and device == 0:
                raise Refused(f"archive entry {info.name!r} is device 0:0")
            os.mknod(name, (stat.S_IFCHR if info.ischr() else stat.S_IFBLK) | 0o600, device)
        os.chown(name, info.uid, info.gid)
        os.chmod(name, info.mode & 0o7777)
        attributes.set_attributes(name, info)
        attributes.set_times(name, info)
        self._sum(name, os.lstat(name).st_mode, info.mode, "o", str(os.lstat(name).st_rdev))

    def _directory(self, name: str, info: tarfile.TarInfo) -> None:
        if name not in self._made or os.path.islink(name):
            if not _is_directory(name) or os.path.islink(name):
                self._clear(name)
                os.mkdir(name, 0o755)
                if name in self._whited:
                    os.setxattr(name, _OPAQUE_ATTRIBUTE, b"y")
            self._made.add(name)
        os.chown(name, info.uid, info.gid)
        os.chmod(name, info.mode & 0o7777)
        attributes.set_attributes(name, info)
        self._directories[name] = info
        self._sum(name, stat.S_IFDIR, info.mode, "d")

    def _parent(self, name: str) -> str:
        """Its real name: links may be on the way. Parents the archive did not list are made, as Docker does: root's,
        0755."""
        if name in self._made or not name:
            return name
        if _is_directory(name):
            real = os.path.realpath(name).strip("/")
            self._made.add(real or ".")
            return real
        above, _, base = name.rpartition("/")
        above = self._parent(above)
        name = f"{above}/{base}" if above else base
        try:
            if os.path.lexists(name) and not os.path.islink(name):
                self._clear(name)
            os.mkdir(name, 0o755)
        except OSError as error:
            raise Refused(f"archive entry below {name!r}: {error.strerror}") from error
        if name in self._whited:
            os.setxattr(name, _OPAQUE_ATTRIBUTE, b"y")
        self._made.add(name)
        return name

    def _whiteout(self, parent: str, base: str) -> None:
        if base == OPAQUE:
            os.setxattr(parent, _OPAQUE_ATTRIBUTE, b"y")
            return
        hidden = base.removeprefix(WHITEOUT)
        if hidden.startswith(WHITEOUT) or hidden in ("", ".", ".."):
            return  # aufs' own bookkeeping
        name = hidden if parent == "." else f"{parent}/{hidden}"
        self._whited.add(name)
        if _is_directory(name):
            os.setxattr(name, _OPAQUE_ATTRIBUTE, b"y")
        elif not os.path.lexists(name):
            os.mknod(name, stat.S_IFCHR, 0)

    def _clear(self, name: str) -> None:
        """What this archive put there before goes; the recipe keeps the bytes it still needs."""
        try:
            status = os.lstat(name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Refused(f"archive entry {name!r}: {error.strerror}") from error
        if stat.S_ISDIR(status.st_mode):
            self._forget(name)
            remove_tree(name, self._keep)
            if self.sums is not None:
                self.sums.forget(name)
        else:
            self._keep(name)
            os.unlink(name)

    def _forget(self, name: str) -> None:
        inside = name + "/"
        self._made = {made for made in self._made if made != name and not made.startswith(inside)}
        for gone in [path for path in self._directories if path == name or path.startswith(inside)]:
            del self._directories[gone]

    def _keep(self, name: str) -> None:
        number = self._files.pop(name, None)
        if number is not None and self.recipe is not None:
            with open(name, "rb") as file:
                self.recipe.replaced(number, file)


def entries(source: Source) -> Iterator[tarfile.TarInfo]:
    """What tarfile trips over is damaged."""
    found = _entries(source)
    while True:
        try:
            info = next(found, None)
        except (ValueError, IndexError, OverflowError, RecursionError) as error:
            raise Refused(f"archive is damaged: {type(error).__name__}: {error}") from error
        if info is None:
            return
        yield info


def _entries(source: Source) -> Iterator[tarfile.TarInfo]:
    with tarfile.TarFile(
        fileobj=source,  # type: ignore[arg-type]  # offers the three methods that tarfile uses
        tarinfo=Entry,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        last: tarfile.TarInfo | None = None
        while (info := _next(archive, source, last)) is not None:
            if info.size < 0 or not -1 <= min(info.uid, info.gid) <= max(info.uid, info.gid) < _MOST_IDS:
                raise Refused(f"archive is damaged: {info.name!r} has an impossible size or owner")
            archive.members = []  # type: ignore[attr-defined]  # it would keep them all
            last = info
            yield info


def _next(archive: tarfile.TarFile, source: Source, last: tarfile.TarInfo | None) -> tarfile.TarInfo | None:
    """An archive may stop right behind its last file's content, without padding or end mark: `docker build -f -` sends
    such a one, and Go and GNU tar take it."""
    source.next_entry()
    try:
        return archive.next()
    except tarfile.ReadError:
        if last is None or not last.offset_data + last.size <= source.size < archive.offset:
            raise
        return None


def remove_tree(name: str, before: object = None) -> None:
    for entry in list(os.scandir(name)):
        if entry.is_dir(follow_symlinks=False):
            remove_tree(entry.path, before)
        else:
            if callable(before):
                before(os.path.normpath(entry.path))
            os.unlink(entry.path)
    os.rmdir(name)


def clean(name: str) -> str:
    """The name below `/`, without dots; refused if it climbs above."""
    if "\0" in name:
        raise Refused(f"archive entry {name!r} is not a name")
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            if not parts:
                raise Refused(f"archive entry {name!r} is outside of the archive's root")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


def _is_directory(name: str) -> bool:
    """A directory, or (as for tar and Docker) a link to one inside this same tree."""
    return os.path.isdir(name)
