"""A build context as a tar stream: a directory without what `.dockerignore` names, a Dockerfile alone, or a tar as is.
Nothing is held in memory but the chunk on its way."""

from __future__ import annotations

import os
import time

from fairlead.cli import tarheader
from fairlead.cli.members import Members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from fairlead.patterns import Patterns

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


def _ignored(root: str, dockerfile: str) -> Patterns | None:
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        path = os.path.join(root, name)
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ContextError(f"error checking context: open {path}: {error.strerror}") from error
        # The daemon needs both files even if they are ignored; it removes them from the context itself.
        from fairlead import patterns  # with `re`, which costs a build more than its answer

        lines = [*patterns.read(text), f"!{name}", *([f"!{dockerfile}"] if dockerfile else [])]
        try:
            return patterns.Patterns(lines)
        except ValueError as error:
            raise ContextError(f"error checking context: {error}") from error
    return None


def _stream(root: str, ignored: Patterns | None, extra_name: str, extra: bytes) -> Iterator[bytes]:
    members = Members()
    for path in _walk(root, "", ignored):
        yield from _entry(os.path.join(root, path), path, members)
    if extra_name:
        yield from _text_entry(extra_name, extra)
    yield tarheader.END


def _walk(root: str, below: str, ignored: Patterns | None) -> Iterator[str]:
    try:
        names = sorted(os.listdir(os.path.join(root, below)))
    except OSError as error:
        raise ContextError(f"error checking context: can't stat '{os.path.join(root, below)}'") from error
    for name in names:
        path = f"{below}/{name}" if below else name
        full = os.path.join(root, path)
        directory = os.path.isdir(full) and not os.path.islink(full)
        excluded = ignored is not None and ignored.excludes(path)
        if not excluded:
            yield path
        if directory and (not excluded or (ignored and ignored.has_exceptions and ignored.may_come_back(path))):
            yield from _walk(root, path, ignored)


def _entry(full: str, path: str, members: Members) -> Iterator[bytes]:
    try:
        yield from members.entry(full, path)
    except PermissionError as error:
        raise ContextError(f"error checking context: no permission to read from '{full}'") from error


def _text_entry(name: str, text: bytes) -> Iterator[bytes]:
    yield tarheader.render(name, size=len(text), mtime=int(time.time()))
    yield text + tarheader.padding(len(text))
