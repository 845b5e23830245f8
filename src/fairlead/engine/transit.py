"""Layers that are needed though no image in the store needs them (yet): those of pulls under way.

Two pulls of one layer share its download. A layer that somebody holds is not deleted with the image it was found in;
what came in and no image took is deleted when the last holder lets go.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fairlead.images.layers import Layers, Unpacked
from fairlead.store.images import ImageStore

Tell = Callable[[Mapping[str, Any]], None]


class Arrival:
    """A download under way; everybody who waits for it sees how far it is."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.listeners: list[Tell] = []

    def tell(self, message: Mapping[str, Any]) -> None:
        for listener in self.listeners:
            listener(message)


class Transit:
    def __init__(self, store: ImageStore, content: Layers) -> None:
        self._store = store
        self._layers = content
        self._held: Counter[str] = Counter()
        self._brought: dict[str, Unpacked] = {}
        self._arriving: dict[str, Arrival] = {}

    @property
    def held(self) -> frozenset[str]:
        """Chain ids that must stay."""
        return frozenset(self._held)

    @asynccontextmanager
    async def hold(self, chains: Sequence[str]) -> AsyncIterator[None]:
        self._held.update(chains)
        try:
            yield
        finally:
            self._held.subtract(chains)
            free = [chain for chain in dict.fromkeys(chains) if self._held[chain] <= 0]
            for chain in free:
                del self._held[chain]
            await self._drop(free)

    async def _drop(self, chains: Sequence[str]) -> None:
        """Deletes what no image took, and what images gave up meanwhile."""
        gone = list(self._store.collect(self.held).values())
        for chain in chains:
            layer = self._brought.pop(chain, None)
            if layer is not None and self._store.directories([chain]).get(chain) != layer.directory:
                gone.append(layer.directory)
        await self._layers.remove(*gone)

    def brought(self, chains: Sequence[str]) -> list[tuple[str, Unpacked]]:
        """Those of these layers that came in and are not yet an image's."""
        return [(chain, self._brought[chain]) for chain in chains if chain in self._brought]

    async def arrive(self, chain: str, tell: Tell, bring: Callable[[Tell], Any]) -> bool:
        """Has the layer brought by `bring` unless it is here; whether it had to be. The caller holds the chain."""
        waited = False
        while chain not in self._brought and not self._store.directories([chain]):
            arrival = self._arriving.get(chain)
            if arrival is None:
                await self._bring(chain, tell, bring)
                return True
            waited = True
            arrival.listeners.append(tell)
            try:
                await arrival.ended.wait()  # whoever began may have failed or left: then it is our turn
            finally:
                arrival.listeners.remove(tell)
        return waited

    async def _bring(self, chain: str, tell: Tell, bring: Callable[[Tell], Any]) -> None:
        arrival = self._arriving[chain] = Arrival()
        arrival.listeners.append(tell)
        try:
            self._brought[chain] = await bring(arrival.tell)
        finally:
            del self._arriving[chain]
            arrival.ended.set()
