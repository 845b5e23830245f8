"""The local half of `cp`: trees to tar and back, with docker's rules for what the destination is called.

A path that ends in a slash means a directory; one that ends in `/.` means what is in it.
"""

from __future__ import annotations

import os
import tarfile

from fairlead.cli import tarheader
from fairlead.cli.client import Refused
from fairlead.cli.members import Members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHUNK = 1 << 18


class Counted:
    """Chunks on their way, and how many bytes they were."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            yield chunk


def split(path: str) -> tuple[str, str]:
    """(directory, last element); the last element of `a/b/.` is `.`."""
    if os.path.basename(path) == ".":
        return os.path.normpath(path), "."
    clean = os.path.normpath(path)
    return os.path.dirname(clean) or ".", os.path.basename(clean) or "/"


def plan(source: str, target: str, *, directory: bool, exists: bool, target_directory: bool) -> tuple[str, str]:
    """(where to unpack, what the source's last element is called there; '' = as it is). Refused where it cannot be."""
    if exists and target_directory:
        return target, ""
    if exists and directory:
        raise Refused("cannot copy directory")
    if not exists and not directory and target.endswith(("/", "/.")):
        raise Refused("no such directory")
    return split(target)


# --- to a container -------------------------------------------------------------------------------------------


def pack(source: str, target: str, *, exists: bool, directory: bool, follow: bool) -> tuple[Counted, str]:
    """A local file or tree as the tar to send, and the directory of the container to send it to."""
    name = split(source)[1]
    path = os.path.realpath(source) if follow and os.path.islink(source.rstrip("/")) else source
    try:
        is_directory = os.path.isdir(path) and (path.endswith(("/", ".")) or not os.path.islink(path))
        os.lstat(path.rstrip("/") or "/")
    except OSError as error:
        raise Refused(f"lstat {os.path.abspath(path)}: {(error.strerror or '').lower()}") from None
    if path.endswith("/") and not is_directory:
        raise Refused("not a directory")
    where, renamed = plan(source, target, directory=is_directory, exists=exists, target_directory=directory)
    return Counted(_tar(path, renamed or name)), where


def _tar(path: str, name: str) -> Iterator[bytes]:
    members = Members(owners=True)
    try:
        for full, called in _walk(os.path.normpath(path), name):
            yield from members.entry(full, called)
    except OSError as error:
        raise Refused(f"open {error.filename}: {(error.strerror or '').lower()}") from None
    yield tarheader.END


def _walk(path: str, name: str) -> Iterator[tuple[str, str]]:
    yield path, name
    if os.path.isdir(path) and not os.path.islink(path):
        for entry in sorted(os.listdir(path)):
            yield from _walk(os.path.join(path, entry), f"{name}/{entry}")


# --- from a container -----------------------------------------------------------------------------------------


class _Stream:
    """Chunks as the file that tarfile reads."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        self.size += len(data)
        return data


def extract(
    chunks: Iterable[bytes], source: str, target: str, *, directory: bool, rebase: str, owners: bool
) -> int:
    """Unpacks what the daemon sends; the bytes of it. Nothing is written outside of the target."""
    exists, is_directory = os.path.lexists(target.rstrip("/") or "/"), os.path.isdir(target)
    where, renamed = plan(source, target, directory=directory, exists=exists, target_directory=is_directory)
    base = split(source)[1]
    wanted = renamed or rebase
    stream = _Stream(chunks)

    def placed(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        given = {} if owners else {"uid": None, "gid": None, "uname": None, "gname": None}
        safe = tarfile.tar_filter(member, path) or member
        return safe.replace(mode=member.mode, deep=False, **given)  # type: ignore[arg-type]  # None: left as it is

    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as tar:  # type: ignore[call-overload]  # it only reads
            for member in tar:
                if wanted:
                    member.name = _renamed(member.name, base, wanted)
                    if member.islnk():
                        member.linkname = _renamed(member.linkname, base, wanted)
                _make_way(os.path.join(where, member.name), member)
                tar.extract(member, where, numeric_owner=True, filter=placed)
    except tarfile.TarError as error:
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused(f"{error.filename or where}: {(error.strerror or str(error)).lower()}") from None
    return stream.size


def _renamed(name: str, base: str, wanted: str) -> str:
    first, slash, rest = name.partition("/")
    return f"{wanted}{slash}{rest}" if first == base or base == "/" else name


def _make_way(path: str, member: tarfile.TarInfo) -> None:
    """A directory is not replaced by something else, nor the other way round; a file that is there gives way."""
    if not os.path.lexists(path):
        return
    there = os.path.isdir(path) and not os.path.islink(path)
    if member.isdir() and not there:
        raise Refused(f'cannot overwrite non-directory "{path}" with directory')
    if not member.isdir():
        if there:
            raise Refused(f'cannot overwrite directory "{path}" with non-directory')
        os.unlink(path)
