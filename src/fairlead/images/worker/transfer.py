"""What `cp`, `export` and `commit` do with a container's tree, in a process of its own: stat, read, extract, pack.

Everything after `inside.enter` happens in the container's root, by Docker's rules of trailing slashes, dots and links.
A fault of the user's is told as {"fault": kind, "text": …}: `missing`, `invalid`, `forbidden`, `failed`.
"""

from __future__ import annotations

import json
import os
import posixpath
import stat as kinds
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fairlead.images.worker import children, inside, unpack
from fairlead.images.worker.pack import Packer
from fairlead.images.worker.source import Source

Arguments = dict[str, Any]
_RESULT_FD = 3
_TOGETHER = 1 << 18
_LARGE = 1 << 17
"""Bytes of a file that pass us by: below, the copy costs less than the call."""
_GO_BITS = (
    (kinds.S_ISDIR, 1 << 31), (kinds.S_ISLNK, 1 << 27), (kinds.S_ISFIFO, 1 << 25), (kinds.S_ISSOCK, 1 << 24),
    (kinds.S_ISBLK, 1 << 26), (kinds.S_ISCHR, 1 << 26 | 1 << 21),
)  # fmt: skip
_GO_SPECIAL = ((kinds.S_ISUID, 1 << 23), (kinds.S_ISGID, 1 << 22), (kinds.S_ISVTX, 1 << 20))


def stat(arguments: Arguments) -> Arguments:
    """What HEAD /archive tells of a path."""
    inside.enter(arguments["root"], arguments["mounts"])
    path = absolute(arguments["path"])
    try:
        return {"stat": describe(path)}
    except OSError as error:
        return _fault(error, path)


def read(arguments: Arguments) -> Arguments | None:
    """A file or a tree as tar to stdout; what it is has been told before."""
    inside.enter(arguments["root"], arguments["mounts"])
    path = absolute(arguments["path"])
    try:
        _tell({"stat": describe(path)})
    except OSError as error:
        return _fault(error, path)
    out = _Stdout()
    _packer(path, out).run_one(base(path))
    out.flush()
    return None


def export_root(arguments: Arguments) -> None:
    """The whole tree, without what is mounted into it."""
    inside.enter(arguments["root"])
    _tell({})
    out = _Stdout()
    _packer("/", out).run()
    out.flush()


def pack(arguments: Arguments) -> None:
    """A container's own layer, for commit."""
    inside.enter(arguments["upper"])
    out = _Stdout()
    Packer("/", write=out.write, send=out.send, hashed=False).run()
    out.flush()
    _tell({})


def extract(arguments: Arguments) -> Arguments:
    """stdin, a tar, below a directory of the container."""
    source = Source(0, limit=1 << 50, hashed=False)
    inside.enter(arguments["root"], arguments["mounts"])
    given = arguments["path"]
    try:
        path = _preserve(os.path.realpath(posixpath.normpath("/" + given), strict=True), given)
        directory = kinds.S_ISDIR(os.lstat(path).st_mode)
    except NotADirectoryError:
        directory = False
    except OSError as error:
        return _fault(error, given)
    if not directory:
        return {"fault": "invalid", "text": "extraction point is not a directory"}
    if refusal := _read_only(path, arguments["mounts"], arguments["read_only"]):
        return {"fault": "forbidden", "text": refusal}
    os.chdir(path)
    try:
        Extraction(source, None, layer=False, careful=arguments["careful"], owner=arguments["owner"]).run()
    except unpack.Refused as error:
        return {"fault": "failed", "text": _go_words(str(error))}
    except (EOFError, tarfile.TarError):
        return {"fault": "failed", "text": "unexpected EOF"}
    except OSError as error:
        return {"fault": "failed", "text": f"{error.filename or ''}: {(error.strerror or str(error)).lower()}"}
    return {}


def _go_words(text: str) -> str:
    if not text.startswith("not a tar archive"):
        return text
    return "unexpected EOF" if "truncated" in text else "archive/tar: invalid tar header"


@dataclass
class Extraction(unpack.Unpacker):
    """Unpacks into the present directory, among what is there already."""

    careful: bool = False
    """A directory is not replaced by something else, nor the other way round."""
    owner: list[int] | None = None
    _named: set[str] = field(default_factory=set)

    def _entry(self, info: tarfile.TarInfo) -> None:
        name = unpack.clean(info.name)
        if name == "." and info.isdir():
            return
        if self.careful:
            self._check(name, info)
        if self.owner is not None:
            info.uid, info.gid = self.owner
        super()._entry(info)

    def _check(self, name: str, info: tarfile.TarInfo) -> None:
        try:
            there = kinds.S_ISDIR(os.lstat(name).st_mode)
        except OSError:
            return
        shown, into = posixpath.join(os.getcwd(), name), os.getcwd()
        if there and not info.isdir():
            raise unpack.Refused(f'cannot overwrite directory "{shown}" with non-directory "{into}"')
        if not there and info.isdir():
            raise unpack.Refused(f'cannot overwrite non-directory "{shown}" with directory "{into}"')


def absolute(path: str) -> str:
    """Clean and absolute, but with the trailing slash or dot that the user wrote: they mean something."""
    return _preserve(posixpath.normpath("/" + path.lstrip("/")), path)


def _preserve(clean: str, given: str) -> str:
    if given.rstrip("/").rpartition("/")[2] == ".":
        return f"{clean.rstrip('/')}/."
    if given.endswith("/") and not clean.endswith("/"):
        return f"{clean}/"
    return clean


def base(path: str) -> str:
    """Go's filepath.Base."""
    return path.rstrip("/").rpartition("/")[2] or "/"


def describe(path: str) -> dict[str, Any]:
    """Docker's PathStat. Modes are Go's."""
    status = os.lstat(path)
    link = kinds.S_ISLNK(status.st_mode)
    seconds, rest = divmod(status.st_mtime_ns, 1_000_000_000)
    fraction = f"{rest:09d}".rstrip("0")
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "name": base(path),
        "size": status.st_size,
        "mode": go_mode(status.st_mode),
        "mtime": f"{when}{'.' + fraction if fraction else ''}Z",
        "linkTarget": os.path.realpath(path) if link else "",
    }


def go_mode(mode: int) -> int:
    bits = mode & 0o777
    bits |= next((bit for is_kind, bit in _GO_BITS if is_kind(mode)), 0)
    return bits | sum(bit for flag, bit in _GO_SPECIAL if mode & flag)


def _read_only(path: str, mounts: list[dict[str, Any]], root: bool) -> str:
    """Why nothing may be written at `path`, by what the container was promised."""
    inner = posixpath.normpath(path)
    within = [m for m in mounts if inner == m["target"] or inner.startswith(f"{m['target'].rstrip('/')}/")]
    if within:
        nearest = max(within, key=lambda m: len(m["target"]))
        return "mounted volume is marked read-only" if nearest["read_only"] else ""
    return "container rootfs is marked read-only" if root else ""


def _fault(error: OSError, path: str) -> Arguments:
    if isinstance(error, FileNotFoundError):
        return {"fault": "missing", "text": path}
    return {"fault": "failed", "text": f"lstat {path}: {(error.strerror or str(error)).lower()}"}


def _packer(root: str, out: _Stdout) -> Packer:
    return Packer(root, write=out.write, send=out.send, hashed=False, whiteouts=False)


def _tell(answer: Arguments) -> None:
    os.write(_RESULT_FD, json.dumps(answer).encode())
    os.close(_RESULT_FD)


class _Stdout:
    """Headers and small files go out together: a reader that woke for each of them would do little else."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        children.write(1, memoryview(self._held))
        self._held = bytearray()

    def send(self, fd: int, size: int) -> int:
        """File to pipe within the kernel. A small one, one that shrank, or a file system that cannot, leaves the rest
        to `write`."""
        if size < _LARGE:
            return 0
        self.flush()
        sent = 0
        while sent < size:
            try:
                count = os.sendfile(1, fd, None, min(size - sent, 1 << 30))
            except OSError as error:
                if isinstance(error, BrokenPipeError):
                    raise
                break
            if not count:
                break
            sent += count
        return sent
