"""Where COPY and bind mounts of a build take from: the context, an earlier stage, another image."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fairlead import ids
from fairlead.engine.build.context import Context, Found
from fairlead.errors import InvalidParameter
from fairlead.images.snapshots import Snapshots
from fairlead.linux import files, mounts
from fairlead.model.image import Image

Known = dict[tuple[str, str], list[Found]]


@dataclass(frozen=True, slots=True)
class Sources:
    """`origin` finds the image of a stage or an image by the name that `--from` gives; empty is the context."""

    context: Context
    snapshots: Snapshots
    origin: Callable[[str], Awaitable[Image | None]]
    known: Known = field(default_factory=dict)
    """Sums of what lies in images, which do not change: by top layer and pattern."""

    async def tree(self, name: str, stack: AsyncExitStack) -> Path:
        """The tree to read from; an image's is mounted as long as the stack lives."""
        if not name:
            if self.context.tree is None:
                raise InvalidParameter("missing build context")
            return self.context.tree
        return self._mounted(await self.origin(name), stack)

    def _mounted(self, image: Image | None, stack: AsyncExitStack) -> Path:
        snapshot = ids.new_id()
        stack.callback(self.snapshots.remove, snapshot)
        self.snapshots.prepare(snapshot, image, marked=False)
        return self.snapshots.mount(snapshot)

    async def scratch_copy(self, name: str, stack: AsyncExitStack) -> Path:
        """A tree to write into; what is written is thrown away with the stack."""
        if name:
            return self._mounted(await self.origin(name), stack)
        lower = await self.tree("", stack)
        own = self.context.work / f"scratch-{ids.new_id()}"
        for directory in ("upper", "work", "merged"):
            (own / directory).mkdir(parents=True)
        stack.callback(files.remove_tree, own)
        mounts.overlay([lower], own / "upper", own / "work", own / "merged")
        stack.callback(mounts.umount, own / "merged", lazy=True)
        return own / "merged"

    async def find(self, name: str, wanted: Sequence[str]) -> list[Found]:
        """The sources that the patterns name, with their sums."""
        clean = [pattern.removeprefix("/").removeprefix("./").rstrip("/") or "." for pattern in wanted]
        if not name:
            return await self.context.find(clean)
        image = await self.origin(name)
        top = image.chain_ids[-1] if image and image.chain_ids else ""
        missing = [pattern for pattern in clean if (top, pattern) not in self.known]
        if missing:
            async with AsyncExitStack() as stack:
                tree = self._mounted(image, stack)
                answer = await self.context.jobs.run("sums", {"source": str(tree), "patterns": missing})
            for pattern in missing:
                rows = [row for row in answer["found"] if row["pattern"] == pattern]
                self.known[top, pattern] = [Found(row["path"], row["sum"]) for row in rows]
        return [found for pattern in clean for found in self.known[top, pattern]]
