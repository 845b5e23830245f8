"""`RUN --mount` of one step: binds of stages and images, caches that outlive builds, secrets, tmpfs.

What is made for a step goes with it (an exit stack); only caches stay, below `buildcache/` of the data root.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import posixpath
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fairlead import ids
from fairlead.engine.build.sources import Sources
from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile.mounts import RunMount
from fairlead.linux import files
from fairlead.model.container import Mount


@dataclass
class Caches:
    """The cache directories of all builds. `locked` ones wait for each other, `private` ones step aside."""

    root: Path
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _users: dict[str, int] = field(default_factory=dict)

    async def take(self, mount: RunMount, stack: AsyncExitStack) -> tuple[Path, bool]:
        """The directory, and whether it is new."""
        origin = (mount.origin, mount.source) if mount.origin else ()
        identity = repr((mount.id or mount.target, mount.uid, mount.gid, mount.mode, origin))
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        if mount.sharing == "locked":
            await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
        number = 0
        while mount.sharing == "private" and self._users.get(f"{name}-{number}"):
            number += 1
        name = f"{name}-{number}"
        self._users[name] = self._users.get(name, 0) + 1
        stack.callback(self._leave, name)
        path = self.root / name
        fresh = not path.exists()
        if not fresh:
            os.utime(path)
        else:
            path.mkdir(parents=True)
            path.chmod(0o755 if mount.mode is None else mount.mode)
            os.chown(path, mount.uid or 0, mount.gid or 0)
        return path, fresh

    def _leave(self, name: str) -> None:
        self._users[name] -= 1
        if not self._users[name]:
            del self._users[name]

    def prune(self, *, before: float = math.inf, keep_bytes: int = 0) -> tuple[list[str], int]:
        """Removes what no build uses and none has used since `before` (Unix time), the longest unused first, until all
        that is left is not larger than `keep_bytes`: names, and bytes set free."""
        names, freed = [], 0
        paths = sorted(self.root.iterdir(), key=_last_used) if self.root.is_dir() else []
        sizes = {path: sum(entry.lstat().st_blocks * 512 for entry in path.rglob("*")) for path in paths}
        left = sum(sizes.values())
        for path in paths:
            if path.name in self._users or _last_used(path) > before or (keep_bytes and left <= keep_bytes):
                continue
            files.remove_tree(path)
            names.append(path.name)
            freed += sizes[path]
            left -= sizes[path]
        return names, freed


def _last_used(path: Path) -> float:
    return path.stat().st_mtime


@dataclass(frozen=True, slots=True)
class Mounter:
    """`work` is the build's own directory, `volatile` one in memory, where secrets are."""

    sources: Sources
    caches: Caches
    work: Path
    volatile: Path
    secrets: dict[str, bytes]

    async def mounts(self, wanted: list[RunMount], working_dir: str, stack: AsyncExitStack) -> list[Mount]:
        made = []
        for mount in wanted:
            target = posixpath.normpath(posixpath.join("/", working_dir, mount.target))
            match mount.type:
                case "tmpfs":
                    made.append(Mount(type="tmpfs", target=target, size_bytes=mount.size_bytes))
                case "secret":
                    made += self._secret(mount, working_dir, stack)
                case "cache":
                    made.append(await self._cache(mount, target, stack))
                case _:
                    made.append(await self._bind(mount, target, stack))
        return made

    def variables(self, wanted: list[RunMount]) -> list[str]:
        """Secrets that the command finds in its environment."""
        values = {mount.env: self._value(mount) for mount in wanted if mount.env}
        return [f"{name}={os.fsdecode(value)}" for name, value in values.items() if value is not None]

    def _value(self, mount: RunMount) -> bytes | None:
        name = _secret_name(mount)
        value = self.secrets.get(name)
        if value is None and mount.required:
            raise InvalidParameter(f"secret {name}: not found")
        return value

    def _secret(self, mount: RunMount, working_dir: str, stack: AsyncExitStack) -> list[Mount]:
        name, value = _secret_name(mount), self._value(mount)
        if value is None or (mount.env and not mount.target):
            return []
        target = mount.target or f"/run/secrets/{posixpath.basename(name)}"
        self.volatile.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.volatile / ids.new_id()
        stack.callback(path.unlink)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with open(fd, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.write(value)
        path.chmod(0o400 if mount.mode is None else mount.mode)
        os.chown(path, mount.uid or 0, mount.gid or 0)
        return [Mount(type="bind", source=str(path), target=posixpath.join("/", working_dir, target), read_only=True)]

    async def _cache(self, mount: RunMount, target: str, stack: AsyncExitStack) -> Mount:
        path, fresh = await self.caches.take(mount, stack)
        if fresh and mount.origin:
            tree = await self.sources.tree(mount.origin, stack)
            shutil.copytree(_inside(tree, mount.source), path, symlinks=True, dirs_exist_ok=True)
        return Mount(type="bind", source=str(path), target=target, read_only=bool(mount.read_only))

    async def _bind(self, mount: RunMount, target: str, stack: AsyncExitStack) -> Mount:
        """Read-only, or with writes that go nowhere: to a layer of the step's own."""
        if mount.read_only:
            tree = await self.sources.tree(mount.origin, stack)
        else:
            tree = await self.sources.scratch_copy(mount.origin, stack)
        return Mount(
            type="bind", source=str(_inside(tree, mount.source)), target=target, read_only=bool(mount.read_only)
        )


def _secret_name(mount: RunMount) -> str:
    return mount.id or mount.source or posixpath.basename(mount.target) or mount.env


def _inside(tree: Path, path: str) -> Path:
    """A path below the tree, its links followed within."""
    try:
        fd = files.open_in_root(tree, path or "/", os.O_PATH)
    except OSError as error:
        raise InvalidParameter(f"failed to compute cache key: {path}: {(error.strerror or '').lower()}") from error
    try:
        return Path(f"/proc/self/fd/{fd}").readlink()
    finally:
        os.close(fd)
