"""`diff`: what a container added, modified and deleted, found by a child process (images/worker/changes.py)."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.engine.registry import Registry
from fairlead.images.job import Jobs
from fairlead.images.snapshots import Snapshots

Change = tuple[int, str]
"""0 modified, 1 added, 2 deleted; the path."""


class Changes:
    def __init__(self, registry: Registry, snapshots: Snapshots, jobs: Jobs) -> None:
        self._registry = registry
        self._snapshots = snapshots
        self._jobs = jobs

    async def of(self, ref: str) -> Sequence[Change]:
        """Sorted by path."""
        container = self._registry.get(ref)
        with self._snapshots.held(container.id):
            lower = [str(path) for path in self._snapshots.layers(container.id)]
            answer = await self._jobs.run("diff", {"upper": str(self._snapshots.upper(container.id)), "lower": lower})
        return [(kind, path) for kind, path in answer["changes"]]
