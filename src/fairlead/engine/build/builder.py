"""The classic builder: executes a Dockerfile's plan step by step, with a cache by content.

RUN steps are ordinary containers whose upper directory becomes a layer; COPY and ADD are done by the image worker
in a snapshot of their own. Every step gives an image, so the next build can begin where this one differs.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fairlead.engine import pruning
from fairlead.engine.build.context import PREFIX, Context, receive
from fairlead.engine.build.mounts import Caches
from fairlead.engine.build.order import Order
from fairlead.engine.build.sources import Known
from fairlead.engine.build.tools import Row, Tools
from fairlead.engine.containers import Containers
from fairlead.engine.images import Images
from fairlead.errors import InvalidParameter
from fairlead.images import reference
from fairlead.images.dockerfile import plan
from fairlead.images.snapshots import Snapshots
from fairlead.linux import files, mounts
from fairlead.model.request import BuildRequest
from fairlead.model.settings import Settings

Progress = AsyncIterator[Row]


class Builder:
    def __init__(self, settings: Settings, images: Images, snapshots: Snapshots, containers: Containers) -> None:
        self._tools = Tools(images, snapshots, containers)
        self._caches = Caches(settings.data_root / "buildcache")
        self._volatile = settings.exec_root / "build"
        self._known: Known = {}

    def sweep(self) -> None:
        """Unmounts what a killed daemon left of its builds; the directories go with all that nobody knows."""
        for path in self._tools.images.layers.root.glob(f"{PREFIX}*"):
            _unmount(path)
        files.remove_tree(self._volatile)

    async def build(self, request: BuildRequest, body: AsyncIterator[bytes]) -> Progress:
        """The classic stream of a build. What fails after it began is its last message."""
        if request.squash:
            raise InvalidParameter("squash is only supported with experimental mode")
        names = [_name(tag) for tag in request.tags]
        work = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._tools.images.layers.root))
        try:
            context = await receive(work, self._tools.images.layers.jobs, body, request.dockerfile, request.remote)
            order = self._order(context, request, names)
            async for row in order.messages():
                yield row
        finally:
            self._remove(work)

    def _order(self, context: Context, request: BuildRequest, names: list[str]) -> Order:
        planned = plan.parse(context.dockerfile, request.dockerfile)
        target = planned.target(request.target)
        volatile = self._volatile / context.work.name
        return Order(self._tools, self._caches, self._known, context, planned, target, request, names, volatile)

    def _remove(self, work: Path) -> None:
        _unmount(work)
        self._tools.images.let_go(work.name)
        files.remove_tree(self._volatile / work.name)

    async def prune(self, filters: Mapping[str, Sequence[str]], *, keep_bytes: int) -> tuple[list[str], int]:
        """Empties the caches of `RUN --mount=type=cache` that no build uses."""
        now = datetime.now(UTC)
        if filters.get("label"):
            return [], 0  # caches have none
        bounds = [pruning.moment(text, now).timestamp() for text in filters.get("until", ())]
        return self._caches.prune(before=min(bounds, default=math.inf), keep_bytes=keep_bytes)


def _unmount(work: Path) -> None:
    for mounted in mounts.mounted_below(work):
        mounts.umount(mounted, lazy=True)


def _name(tag: str) -> str:
    parsed = reference.parse(tag)
    if parsed.digest:
        raise InvalidParameter("build tag cannot contain a digest")
    return str(parsed.tagged())
