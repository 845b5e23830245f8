"""A build context as a tar stream: a directory without what `.dockerignore` names, a Dockerfile alone, or a tar as is.
Nothing is held in memory but the chunk on its way."""

from __future__ import annotations

import os
import stat
import time

from fairlead import patterns
from fairlead.cli import tarheader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

CHUNK = 1 << 16
_MAGICS = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


class ContextError(Exception):
    """The context cannot be sent; the text is docker's."""


class Context:
    """What to send: the chunks of a tar, and the Dockerfile's name in it ("" = the tar decides)."""

    def __init__(self, chunks: Iterator[bytes], dockerfile: str) -> None:
        self.chunks = chunks
        self.dockerfile = dockerfile


def from_directory(directory: str, dockerfile: str, stdin: BinaryIO) -> Context:
    """The directory; `dockerfile` is a path from here, `-` for stdin, or empty."""
    root = os.path.realpath(directory)
    if not os.path.lexists(directory):
        raise ContextError(f'unable to prepare context: path "{directory}" not found')
    if not os.path.isdir(root):
        raise ContextError(f"unable to prepare context: context must be a directory: {root}")
    extra = None
    if dockerfile == "-":
        extra = stdin.read()
        name = ""
    else:
        path = os.path.abspath(dockerfile) if dockerfile else os.path.join(root, "Dockerfile")
        name, extra = _place(root, path)
    if extra is not None:
        name = f".dockerfile.{os.urandom(10).hex()}"
    ignored = _ignored(root, name)
    return Context(_stream(root, ignored, name if extra is not None else "", extra or b""), name)


def _place(root: str, path: str) -> tuple[str, bytes | None]:
    """The Dockerfile's name within the context; or, where it lies outside, its text."""
    if not os.path.lexists(path):
        raise ContextError(
            "unable to prepare context: unable to evaluate symlinks in Dockerfile path: "
            f"lstat {path}: no such file or directory"
        )
    real = os.path.realpath(path)
    inside = os.path.relpath(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)), root)
    if not inside.startswith("../") and inside != "..":
        return inside.replace(os.sep, "/"), None
    try:
        with open(real, "rb") as file:
            return "", file.read()
    except OSError as error:
        raise ContextError(f"unable to open Dockerfile: open {path}: {error.strerror}") from error


def from_stdin(dockerfile: str, stdin: BinaryIO) -> Context:
    """`build -`: a tar (plain or compressed) or the text of a Dockerfile."""
    head = stdin.read(512)
    if head.startswith(_MAGICS) or head[257:262] == b"ustar":
        return Context(_rest(head, stdin), dockerfile)
    if dockerfile == "-":
        raise ContextError("invalid argument: can't use stdin for both build context and dockerfile")
    text = head + stdin.read()
    return Context(_single("Dockerfile", text), "Dockerfile")


def from_url(url: str, dockerfile: str) -> Context:
    """What lies at a URL: a tar, or the text of a Dockerfile."""
    import urllib.error
    import urllib.request

    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "fairlead"}), timeout=60)
    except urllib.error.HTTPError as error:
        raise ContextError(
            f"unable to prepare context: failed to GET {url} with status {error.code} {error.reason}"
        ) from None
    except (OSError, ValueError) as error:
        raise ContextError(f"unable to prepare context: unable to download remote context {url}: {error}") from None
    return from_stdin("" if dockerfile == "-" else dockerfile, answer)


def _rest(head: bytes, stdin: BinaryIO) -> Iterator[bytes]:
    yield head
    while chunk := stdin.read(CHUNK):
        yield chunk


def _single(name: str, text: bytes) -> Iterator[bytes]:
    yield from _text_entry(name, text)
    yield tarheader.END


def _ignored(root: str, dockerfile: str) -> patterns.Patterns:
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        path = os.path.join(root, name)
        try:
            with open(path, encoding="utf-8") as file:
                lines = patterns.read(file.read())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ContextError(f"error checking context: open {path}: {error.strerror}") from error
        # The daemon needs both files even if they are ignored; it removes them from the context itself.
        return patterns.Patterns([*lines, f"!{name}", *([f"!{dockerfile}"] if dockerfile else [])])
    return patterns.Patterns([])


def _stream(root: str, ignored: patterns.Patterns, extra_name: str, extra: bytes) -> Iterator[bytes]:
    links: dict[tuple[int, int], str] = {}
    for path in _walk(root, "", ignored):
        yield from _entry(root, path, links)
    if extra_name:
        yield from _text_entry(extra_name, extra)
    yield tarheader.END


def _walk(root: str, below: str, ignored: patterns.Patterns) -> Iterator[str]:
    try:
        names = sorted(os.listdir(os.path.join(root, below)))
    except OSError as error:
        raise ContextError(f"error checking context: can't stat '{os.path.join(root, below)}'") from error
    for name in names:
        path = f"{below}/{name}" if below else name
        full = os.path.join(root, path)
        directory = os.path.isdir(full) and not os.path.islink(full)
        excluded = ignored.excludes(path)
        if not excluded:
            yield path
        if directory and (not excluded or (ignored.has_exceptions and ignored.may_come_back(path))):
            yield from _walk(root, path, ignored)


def _entry(root: str, path: str, links: dict[tuple[int, int], str]) -> Iterator[bytes]:
    full = os.path.join(root, path)
    status = os.lstat(full)
    if stat.S_ISSOCK(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode) or _known(path, status, links):
        yield _header(full, path, status, links)
        return
    try:
        file = open(full, "rb")  # noqa: SIM115
    except PermissionError as error:
        raise ContextError(f"error checking context: no permission to read from '{full}'") from error
    with file:
        yield _header(full, path, status, links)
        left = status.st_size
        while left:
            chunk = file.read(min(left, CHUNK)) or bytes(min(left, CHUNK))
            left -= len(chunk)
            yield chunk
    yield tarheader.padding(status.st_size)


def _known(path: str, status: os.stat_result, links: dict[tuple[int, int], str]) -> bool:
    """Whether the file has been sent by another name."""
    return status.st_nlink > 1 and links.setdefault((status.st_dev, status.st_ino), path) != path


def _header(full: str, path: str, status: os.stat_result, links: dict[tuple[int, int], str]) -> bytes:
    """As docker sends it: owned by root, whole seconds, a second name of a file as a hard link."""
    mode, mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        return tarheader.render(f"{path}/", kind=tarheader.DIRECTORY, mode=mode, mtime=mtime)
    if stat.S_ISLNK(status.st_mode):
        return tarheader.render(path, kind=tarheader.LINK, mode=mode, mtime=mtime, link=os.readlink(full))
    if stat.S_ISFIFO(status.st_mode):
        return tarheader.render(path, kind=tarheader.FIFO, mode=mode, mtime=mtime)
    if stat.S_ISREG(status.st_mode):
        if _known(path, status, links):
            link = links[status.st_dev, status.st_ino]
            return tarheader.render(path, kind=tarheader.HARD_LINK, mode=mode, mtime=mtime, link=link)
        return tarheader.render(path, mode=mode, size=status.st_size, mtime=mtime)
    kind = tarheader.CHARACTER if stat.S_ISCHR(status.st_mode) else tarheader.BLOCK
    device = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return tarheader.render(path, kind=kind, mode=mode, mtime=mtime, device=device)


def _text_entry(name: str, text: bytes) -> Iterator[bytes]:
    yield tarheader.render(name, size=len(text), mtime=int(time.time()))
    yield text + tarheader.padding(len(text))
