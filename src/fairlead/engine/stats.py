"""`stats`: what containers use, once or every second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fairlead.engine.registry import Registry
from fairlead.model.container import Container
from fairlead.model.stats import Sample
from fairlead.runtime import accounting
from fairlead.runtime.runtime import Runtime

_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A sample and the one before it; neither while the container does not run."""

    container: Container
    now: Sample | None = None
    before: Sample | None = None


class Stats:
    def __init__(self, registry: Registry, runtime: Runtime) -> None:
        self._registry = registry
        self._runtime = runtime

    async def once(self, ref: str, *, primed: bool) -> Reading:
        """One reading; `primed` waits for a second sample, so that rates can be told."""
        container = self._registry.get(ref)
        first = self._sample(container)
        if not primed or first is None:
            return Reading(container, first)
        await asyncio.sleep(_EVERY_S)
        return Reading(container, self._sample(container), first)

    async def stream(self, ref: str) -> AsyncIterator[Reading]:
        """A reading every second, until the container is removed."""
        found: Container | None = self._registry.get(ref)
        before: Sample | None = None
        while found is not None:
            now = self._sample(found)
            yield Reading(found, now, before if now is not None else None)
            before = now
            await asyncio.sleep(_EVERY_S)
            found = self._registry.by_id(found.id)

    def _sample(self, container: Container) -> Sample | None:
        current = self._registry.by_id(container.id)
        if current is None or not current.state.status.running or not current.state.pid:
            return None
        parent = current.host_config.cgroup_parent
        return accounting.sample(self._runtime.cgroup(current.id, parent), current.state.pid)
