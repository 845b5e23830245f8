"""Layers on disk, each unpacked once: `overlay2/<directory>/{diff,recipe}`; rows in the store name them by chain id.

A layer is made in a directory of its own and renamed into place; the row comes last. What has no row is swept.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.images.job import Jobs

_SNAPSHOTS_OWN = frozenset({"empty", "init"})
"""What snapshots.py keeps beside the layers for all containers."""
_GONE = "gone-"
_CONTAINER = re.compile(r"[0-9a-f]{64}\Z")
log = logging.getLogger(__name__)

DEFAULT_LIMIT = 1 << 40
"""Bytes one layer may unpack to."""


def chain_id(parent: str, diff_id: str) -> str:
    """OCI image spec, "Layer ChainID"."""
    if not parent:
        return diff_id
    return "sha256:" + hashlib.sha256(f"{parent} {diff_id}".encode()).hexdigest()


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    out: list[str] = []
    for diff_id in diff_ids:
        out.append(chain_id(out[-1] if out else "", diff_id))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A layer's tree, not yet known to the store."""

    directory: str
    diff_id: str
    digest: str
    size_bytes: int
    tar_size_bytes: int
    compression: str = ""


class Layers:
    """The directory of layers."""

    def __init__(self, root: Path, jobs: Jobs) -> None:
        self.root = root
        self.jobs = jobs
        root.mkdir(parents=True, exist_ok=True, mode=0o710)

    def diff(self, directory: str) -> Path:
        return self.root / directory / "diff"

    def recipe(self, directory: str) -> Path:
        return self.root / directory / "recipe"

    def new(self) -> str:
        """A directory for a layer to come."""
        directory = f"layer-{secrets.token_hex(16)}"
        (self.root / directory / "diff").mkdir(parents=True, mode=0o755)
        (self.root / directory / "diff").chmod(0o755)
        return directory

    async def unpack(
        self, *, chunks: AsyncIterator[bytes] | None = None, stdin: int | None = None, limit: int = DEFAULT_LIMIT
    ) -> Unpacked:
        """Unpacks a tar stream as a layer. Leaves nothing behind if it is refused."""
        directory = self.new()
        try:
            answer = await self.jobs.run(
                "unpack",
                {
                    "target": str(self.diff(directory)),
                    "recipe": str(self.recipe(directory)),
                    "limit": limit,
                },
                chunks=chunks,
                stdin=stdin,
            )
        except BaseException:
            await self.remove(directory)
            raise
        return self.finish(directory, answer)

    def finish(self, directory: str, answer: Mapping[str, Any]) -> Unpacked:
        """The layer that a worker unpacked there."""
        self.note(directory, answer["tar_size"])
        return Unpacked(
            directory, answer["diff_id"], answer["digest"], answer["size"], answer["tar_size"], answer["compression"]
        )

    async def seal(self, tree: Path) -> Unpacked:
        """Turns a container's upper directory, which nobody uses any more, into a layer by moving it."""
        directory = f"layer-{secrets.token_hex(16)}"
        (self.root / directory).mkdir(mode=0o700)
        try:
            answer = await self.jobs.run("seal", {"tree": str(tree), "recipe": str(self.recipe(directory))})
            tree.rename(self.diff(directory))
            self.note(directory, answer["tar_size"])
        except BaseException:
            await self.remove(directory)
            raise
        return Unpacked(directory, answer["diff_id"], answer["diff_id"], answer["size"], answer["tar_size"])

    def note(self, directory: str, tar_size: int) -> None:
        """Remembers how long the layer's tar is."""
        (self.root / directory / "tar-size").write_text(str(tar_size))

    def tar_size(self, directory: str) -> int:
        """Bytes of the layer's tar, uncompressed."""
        return int((self.root / directory / "tar-size").read_text())

    def set_aside(self, *names: str) -> list[str]:
        """Takes directories out of the way at once, to be removed later; their new names."""
        aside = []
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                moved = f"{_GONE}{secrets.token_hex(16)}"
                (self.root / name).rename(self.root / moved)
                aside.append(moved)
        return aside

    async def remove(self, *directories: str) -> None:
        """Deletes layers' trees. What cannot be deleted now is left to the next start's sweep."""
        if directories:
            answer = await self.jobs.run("remove", {"paths": [str(self.root / d) for d in directories]})
            for path, why in answer["left"].items():
                log.warning("remove layer %s: %s", path, why)

    def strangers(self, known: Set[str]) -> list[str]:
        """What lies here and is neither a known layer nor a container's: left by a daemon that was killed."""
        names = (entry.name for entry in self.root.iterdir())
        return [name for name in names if name not in known | _SNAPSHOTS_OWN and not _CONTAINER.match(name)]
