"""Local files as members of a tar: what `build` and `cp` send."""

from __future__ import annotations

import os
import stat

from fairlead.cli import tarheader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 18


class Members:
    """The members of one tar: a file that comes a second time, by another name, is a hard link to the first. With
    `owners` each belongs to whom it does here, else to root."""

    def __init__(self, *, owners: bool = False) -> None:
        self._owners = owners
        self._links: dict[tuple[int, int], str] = {}

    def entry(self, full: str, path: str) -> Iterator[bytes]:
        """The file `full` as `path`: header, content, padding. Sockets are left out."""
        status = os.lstat(full)
        if stat.S_ISSOCK(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode) or self._known(path, status):
            yield self._header(full, path, status)
            return
        with open(full, "rb") as file:
            yield self._header(full, path, status)
            left = status.st_size
            while left:
                chunk = file.read(min(left, _CHUNK)) or bytes(min(left, _CHUNK))
                left -= len(chunk)
                yield chunk
        yield tarheader.padding(status.st_size)

    def _known(self, path: str, status: os.stat_result) -> bool:
        """Whether the file has been sent by another name."""
        return status.st_nlink > 1 and self._links.setdefault((status.st_dev, status.st_ino), path) != path

    def _header(self, full: str, path: str, status: os.stat_result) -> bytes:
        """As docker sends it: in whole seconds."""
        kind, name, link, size, device = tarheader.FILE, path, "", 0, (0, 0)
        if stat.S_ISDIR(status.st_mode):
            kind, name = tarheader.DIRECTORY, f"{path}/"
        elif stat.S_ISLNK(status.st_mode):
            kind, link = tarheader.LINK, os.readlink(full)
        elif stat.S_ISFIFO(status.st_mode):
            kind = tarheader.FIFO
        elif not stat.S_ISREG(status.st_mode):
            kind = tarheader.CHARACTER if stat.S_ISCHR(status.st_mode) else tarheader.BLOCK
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        elif self._known(path, status):
            kind, link = tarheader.HARD_LINK, self._links[status.st_dev, status.st_ino]
        else:
            size = status.st_size
        return tarheader.render(
            name, kind=kind, mode=stat.S_IMODE(status.st_mode), size=size, mtime=int(status.st_mtime), link=link,
            device=device, owner=(status.st_uid, status.st_gid) if self._owners else (0, 0),
        )  # fmt: skip
