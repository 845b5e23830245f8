"""COPY and ADD: sources found and summed, then placed by the image worker in a layer of their own."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fairlead import ids, modes
from fairlead.engine.build import context
from fairlead.engine.build.context import Found
from fairlead.engine.build.sources import Sources
from fairlead.engine.build.steps import Scope
from fairlead.engine.build.tools import Say, Tools
from fairlead.errors import EngineError, InvalidParameter
from fairlead.images.dockerfile import syntax, words
from fairlead.images.dockerfile.instructions import Instruction
from fairlead.images.layers import Unpacked
from fairlead.linux import files
from fairlead.model.image import Image
from fairlead.runtime import users

_UNNAMED = "__unnamed__"
_GIT = re.compile(r"git@|git://|ssh://|https?://[^#?]*\.git(?:[#?]|$)")


@dataclass(frozen=True, slots=True)
class Part:
    """Sources that lie in one tree. `here`: a directory of the build's own, else what `--from` names."""

    found: tuple[Found, ...]
    here: Path | None = None
    archives: bool = False
    word: str = ""
    """By which they were found, if it was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A COPY or ADD whose sources are known."""

    step: Instruction
    parts: tuple[Part, ...]
    destination: str
    owner: str = ""
    mode: str = ""
    comment: str = ""
    words: tuple[str, ...] = field(default=())
    """The sources as the user wrote them, where their paths count (`--parents`)."""

    @property
    def options(self) -> str:
        """What else decides the result, for the cache."""
        flags = {name: self.step.flags[name] for name in ("parents", "exclude") if name in self.step.flags}
        return repr((self.owner, self.mode, sorted(flags.items()), self.words if flags else ()))


@dataclass(frozen=True, slots=True)
class CopyStep:
    tools: Tools
    sources: Sources
    work: Path
    say: Say

    async def prepare(self, step: Instruction, scope: Scope, working_dir: str, stack: AsyncExitStack) -> Copy:
        """Finds, fetches and sums the sources. Raises InvalidParameter with Docker's text."""
        *given, destination = [scope.expand(text) for text in _plain(step)]
        if step.word == "COPY" and any(text.startswith(("http://", "https://")) for text in given):
            raise InvalidParameter("COPY failed: source can't be a URL for COPY")
        await self._check_origin(step.flag("from"))
        try:
            parts = await self._parts(step, given, destination, scope, stack)
        except EngineError as error:
            raise InvalidParameter(f"{step.word} failed: {error.message}") from error
        found = [source for part in parts for source in part.found]
        if not found:
            raise InvalidParameter(f"{step.word} failed: no source files were specified")
        if len(found) > 1 and not destination.endswith("/"):
            raise InvalidParameter(f"When using {step.word} with more than one source file, the destination must be a "
                                   "directory and end with a /")  # fmt: skip
        owner = scope.expand(step.flag("chown"))
        total = found[0].sum if len(found) == 1 else f"multi:{_digest([source.sum for source in found])}"
        return Copy(
            step=step,
            parts=tuple(parts),
            destination=_absolute(destination, working_dir),
            owner=owner,
            mode=_mode(scope.expand(step.flag("chmod"))),
            comment=f"{step.word} {f'--chown={owner}' if owner else ''}{total} in {destination} ",
            words=tuple(given),
        )

    async def _check_origin(self, name: str) -> None:
        if name:
            try:
                await self.sources.origin(name)
            except EngineError as error:
                raise InvalidParameter(f"invalid from flag value {name}: {error.message}") from error

    async def _parts(
        self, step: Instruction, given: Sequence[str], destination: str, scope: Scope, stack: AsyncExitStack
    ) -> list[Part]:
        remote = [text for text in given if step.word == "ADD" and text.startswith(("http://", "https://"))]
        git = [text for text in given if step.word == "ADD" and _GIT.match(text)]
        if git:
            raise InvalidParameter(f"git sources are not supported: {git[0]}")
        local = [text for text in given if text not in remote]
        parts = []
        if local:
            origin = scope.expand(step.flag("from"))
            archives = step.word == "ADD" and step.flag("unpack", "true") == "true"
            if step.has("parents"):
                for text in local:
                    found = await self.sources.find(origin, [posixpath.normpath(text)])
                    parts.append(Part(tuple(found), word=text))
            else:
                parts.append(Part(tuple(await self.sources.find(origin, local)), archives=archives))
        parts += [await self._download(step, url, destination, scope, stack) for url in remote]
        inline = [doc for doc in step.heredocs if syntax.heredoc_mark_of(step.args[:-1], doc.name)]
        if inline:
            parts.append(self._inline(inline, scope, stack))
        return parts

    def _folder(self, stack: AsyncExitStack) -> Path:
        folder = self.work / f"made-{ids.new_id()}"
        folder.mkdir()
        stack.callback(files.remove_tree, folder)
        return folder

    def _inline(self, documents: Sequence[syntax.Heredoc], scope: Scope, stack: AsyncExitStack) -> Part:
        """Heredocs become files of the names they have."""
        folder = self._folder(stack)
        found = []
        for doc in documents:
            text = words.content(doc.content, scope.values) if doc.expand else doc.content
            (folder / doc.name).write_text(text)
            (folder / doc.name).chmod(0o644)
            found.append(Found(doc.name, f"file:{_digest([doc.name, text])}"))
        return Part(tuple(found), here=folder)

    async def _download(
        self, step: Instruction, url: str, destination: str, scope: Scope, stack: AsyncExitStack
    ) -> Part:
        folder = self._folder(stack)
        fetched = await context.fetch(self.sources.context.jobs, url, folder / _UNNAMED)
        await self.say("\n")
        expected = scope.expand(step.flag("checksum"))
        if expected and expected != f"sha256:{fetched['digest']}":
            raise InvalidParameter(f"digest mismatch for {url}: sha256:{fetched['digest']} (expected: {expected})")
        name = posixpath.basename(fetched["name"])
        if not name:
            if destination.endswith("/"):
                raise InvalidParameter(f"cannot determine filename for source {url}")
            name = _UNNAMED
        (folder / _UNNAMED).rename(folder / name)
        stamp = int((folder / name).stat().st_mtime)
        return Part((Found(name, f"file:{_digest([name, fetched['digest'], str(stamp)])}"),), here=folder)

    async def perform(self, copy: Copy, image: Image | None) -> Unpacked:
        """The layer."""
        snapshots = self.tools.snapshots
        async with AsyncExitStack() as stack:
            snapshot = ids.new_id()
            stack.callback(snapshots.remove, snapshot)
            snapshots.prepare(snapshot, image, marked=False)
            merged = snapshots.mount(snapshot)
            # What comes from another image keeps its owners, what comes from the context belongs to root.
            owner = None if copy.step.flag("from") and not copy.owner else _owner(merged, copy.owner)
            for part in copy.parts:
                tree = part.here or await self.sources.tree(self._origin(copy), stack)
                await self._place(copy, part, tree, merged, owner)
            snapshots.umount(snapshot)
            return await self.tools.images.layers.seal(snapshots.upper(snapshot))

    def _origin(self, copy: Copy) -> str:
        return copy.step.flag("from")

    async def _place(self, copy: Copy, part: Part, tree: Path, merged: Path, owner: list[int] | None) -> None:
        paths = [found.path for found in part.found]
        if copy.step.has("parents") and not part.here:
            paths = [_with_pivot(path, part.word) for path in paths]
        arguments = {
            "source": str(tree),
            "paths": paths,
            "target": str(merged),
            "destination": copy.destination,
            "owner": owner,
            "mode": copy.mode,
            "archives": part.archives,
            "parents": copy.step.has("parents") and not part.here,
            "exclude": list(copy.step.flags.get("exclude", ())),
        }
        try:
            await self.tools.images.layers.jobs.run("copy", arguments)
        except InvalidParameter as error:
            raise InvalidParameter(f"failed to copy files: {error.message}") from error


def _plain(step: Instruction) -> list[str]:
    """Sources and destination, without heredocs."""
    return [text for text in step.args if step.json or syntax.heredoc_mark(text) is None]


def _absolute(destination: str, working_dir: str) -> str:
    slash = "/" if destination.endswith("/") else ""
    path = posixpath.normpath(posixpath.join("/", working_dir, destination)).replace("//", "/")
    return path if path == "/" else path + slash


def _with_pivot(path: str, word: str) -> str:
    """The path with the `/./` of the word it was found by."""
    head, pivot, _ = word.partition("/./")
    start = posixpath.normpath(head).lstrip("/") if pivot else ""
    if pivot and path.startswith(f"{start}/"):
        return f"{start}/./{path.removeprefix(f'{start}/')}"
    return path


def _mode(text: str) -> str:
    if text and not modes.is_mode(text):
        raise InvalidParameter(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    return text


def _owner(root: Path, text: str) -> list[int]:
    """`user[:group]` of --chown, by the names of the image; a user alone is the group's name, too."""
    if not text:
        return [0, 0]
    user, colon, group = text.partition(":")
    failed = "unable to convert uid/gid chown string to host mapping"
    if ":" in group:
        raise InvalidParameter(f"{failed}: invalid chown string format: {text}")
    what = f"{failed}: can't find"
    try:
        if not user:
            raise InvalidParameter("no such user")
        uid = users.resolve(root, user).uid
    except EngineError as error:
        raise InvalidParameter(f"{what} uid for user {user}: no such user: {user}") from error
    group = group if colon else user
    try:
        if not group:
            raise InvalidParameter("no such group")
        return [uid, users.resolve(root, f"0:{group}").gid]
    except EngineError as error:
        raise InvalidParameter(f"{what} gid for group {group}: no such group: {group}") from error


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()
