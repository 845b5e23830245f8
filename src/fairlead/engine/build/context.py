"""The build context: taken in from the request's body or from a URL, unpacked, and summed for the cache on the way."""

from __future__ import annotations

import os
import posixpath
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead import patterns
from fairlead.errors import InvalidParameter
from fairlead.images.job import Jobs
from fairlead.images.worker import sums
from fairlead.linux import files

_LIMIT = 1 << 40
_MAX_DOCKERFILE = 4 << 20
PREFIX = "build-"
"""Of the names of directories that a build works in, below those of layers."""
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Found:
    """A source of COPY: its path, its sum with `file:` or `dir:` before it."""

    path: str
    sum: str


class Table:
    """The sums of a context, as the worker wrote them; read when first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, tuple[str, str]] | None = None

    def _all(self) -> dict[str, tuple[str, str]]:
        if self._rows is None:
            text = self._path.read_bytes().decode("utf-8", "surrogateescape")
            self._rows = {row[65:]: (row[0], row[1:65]) for row in text.split("\0") if row}
        return self._rows

    def find(self, pattern: str) -> list[Found] | None:
        """What fits, with sums. None where links are in play: they are for the worker, which sees the tree."""
        if not patterns.has_wildcard(pattern):
            found = self._one(pattern)
            return None if found is None else [found]
        fits = patterns.of_copy(pattern).match
        matches = [self._one(name) for name in sorted(self._all()) if fits(name)]
        whole = [found for found in matches if found is not None]
        return whole if len(whole) == len(matches) else None

    def _one(self, path: str) -> Found | None:
        mark, digest = self._all().get(path, ("d" if path == "." else "", ""))
        if mark == "f" and not self._behind_link(path):
            return Found(path, f"file:{sums.named(posixpath.basename(path), digest)}")
        if mark == "d" and not self._behind_link(path):
            prefix = "" if path == "." else f"{path}/"
            inside = [
                sums.named(name.removeprefix(prefix), row[1])
                for name, row in self._all().items()
                if name.startswith(prefix) and name != "."
            ]
            return Found(path, sums.tree(inside))
        return None

    def _behind_link(self, path: str) -> bool:
        while path := posixpath.dirname(path):
            if self._all().get(path, ("d", ""))[0] != "d":
                return True
        return False

    def drop(self, name: str) -> None:
        self._all().pop(name, None)


@dataclass(frozen=True, slots=True)
class Context:
    """`tree` is None where a Dockerfile alone was given from afar."""

    work: Path
    jobs: Jobs
    tree: Path | None
    table: Table | None
    dockerfile: str

    async def find(self, wanted: Sequence[str]) -> list[Found]:
        """The sources that the patterns name, in order. Raises InvalidParameter with Docker's text."""
        if self.tree is None:
            raise InvalidParameter("missing build context")
        out: list[Found] = []
        for pattern in wanted:
            if pattern.split("/")[0] == "..":
                raise InvalidParameter(f"forbidden path outside the build context: {pattern} ()")
            found = self.table.find(pattern) if self.table else None
            out += found if found is not None else await _survey(self.jobs, self.tree, pattern)
        return out


async def _survey(jobs: Jobs, tree: Path, pattern: str) -> list[Found]:
    try:
        answer = await jobs.run("sums", {"source": str(tree), "patterns": [pattern]})
    except InvalidParameter as error:
        hint = "file not found in build context or excluded by .dockerignore: "
        raise InvalidParameter(f"{hint * error.message.endswith('does not exist')}{error.message}") from None
    return [Found(row["path"], row["sum"]) for row in answer["found"]]


async def receive(work: Path, jobs: Jobs, body: AsyncIterator[bytes], name: str, remote: str) -> Context:
    """Unpacks what the client sent, or what lies at `remote`, into `work`."""
    tree, table = work / "context", work / "sums"
    tree.mkdir()
    unpacking = {"target": str(tree), "limit": _LIMIT, "sums": str(table)}
    if not remote:
        await jobs.run("unpack", unpacking, chunks=body)
        return _located(work, jobs, tree, Table(table), name)
    _check_remote(remote)
    fetched = await fetch(jobs, remote, work / "remote")
    fd = os.open(work / "remote", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if fetched["text"]:
            return Context(work, jobs, None, None, _text(fd, name))
        await jobs.run("unpack", unpacking, stdin=fd)
    finally:
        os.close(fd)
        (work / "remote").unlink()
    return _located(work, jobs, tree, Table(table), name)


def _check_remote(remote: str) -> None:
    if remote.startswith(("git://", "git@", "github.com/")) or remote.partition("#")[0].endswith(".git"):
        raise InvalidParameter(f"git build contexts are not supported: clone {remote} and build the directory")
    if not remote.startswith(("http://", "https://")):
        raise InvalidParameter(f"remoteURL ({remote}) could not be recognized as URL")


async def fetch(jobs: Jobs, url: str, path: Path) -> Mapping[str, Any]:
    """Downloads into a new file."""
    environment = {name.lower(): value for name, value in os.environ.items() if value}
    proxies = {name.removesuffix("_proxy"): environment[name] for name in _PROXIES if name in environment}
    return await jobs.run("fetch", {"url": url, "path": str(path), "proxies": proxies})


def _located(work: Path, jobs: Jobs, tree: Path, table: Table, name: str) -> Context:
    """Reads the Dockerfile, and takes it out of the context if .dockerignore says so, with that file itself."""
    name = posixpath.normpath(name).lstrip("/")
    for path in dict.fromkeys((name, "dockerfile" if name == "Dockerfile" else name)):
        try:
            fd = files.open_in_root(tree, path)
        except OSError:
            continue
        try:
            text = _text(fd, path)
        finally:
            os.close(fd)
        _leave_out(tree, table, path)
        return Context(work, jobs, tree, table, text)
    raise InvalidParameter(f"Cannot locate specified Dockerfile: {name}")


def _text(fd: int, name: str) -> str:
    data = os.pread(fd, _MAX_DOCKERFILE + 1, 0)
    if len(data) > _MAX_DOCKERFILE:
        raise InvalidParameter(f"the Dockerfile ({name}) is too large")
    if not data:
        raise InvalidParameter(f"the Dockerfile ({name}) cannot be empty")
    return data.decode(errors="replace")


def _leave_out(tree: Path, table: Table, dockerfile: str) -> None:
    try:
        fd = files.open_in_root(tree, ".dockerignore")
    except OSError:
        return
    try:
        ignored = patterns.Patterns(patterns.read(os.pread(fd, _MAX_DOCKERFILE, 0).decode(errors="replace")))
    except ValueError as error:
        raise InvalidParameter(f"error reading .dockerignore: {error}") from None
    finally:
        os.close(fd)
    for name in (".dockerignore", dockerfile):
        if ignored.excludes(name):
            _unlink(tree, name)
            table.drop(name)


def _unlink(tree: Path, name: str) -> None:
    folder = files.open_in_root(tree, posixpath.dirname(name) or "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.unlink(posixpath.basename(name), dir_fd=folder)
    except FileNotFoundError:
        return
    finally:
        os.close(folder)
