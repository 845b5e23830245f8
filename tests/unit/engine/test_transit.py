from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fairlead.engine.transit import Tell, Transit
from fairlead.errors import NotFound
from fairlead.images.job import Jobs
from fairlead.images.layers import Layers, Unpacked
from fairlead.store.database import Database
from fairlead.store.images import ImageStore


class Disk(Layers):
    """Remembers what was removed instead of removing it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Jobs())
        self.removed: list[str] = []

    async def remove(self, *directories: str) -> None:
        self.removed += directories


def make(database: Database, tmp_path: Path) -> tuple[Transit, Disk]:
    disk = Disk(tmp_path / "overlay2")
    return Transit(ImageStore(database), disk), disk


def layer(name: str) -> Unpacked:
    return Unpacked(name, "sha256:d", "sha256:e", 1, 1)


def nothing(message: Any) -> None:
    return None


def test_two_who_want_a_layer_have_it_brought_once_and_both_hear(database: Database, tmp_path: Path) -> None:
    transit, disk = make(database, tmp_path)
    brought, heard = [], []

    async def bring(tell: Tell) -> Unpacked:
        brought.append(1)
        await asyncio.sleep(0)
        tell({"now": "half"})
        return layer("x")

    async def want(name: str) -> None:
        async with transit.hold(["chain"]):
            await transit.arrive("chain", lambda message: heard.append((name, message["now"])), bring)

    async def run() -> None:
        await asyncio.gather(want("a"), want("b"))

    asyncio.run(run())
    assert brought == [1]
    assert heard == [("a", "half"), ("b", "half")]
    assert disk.removed == ["x"]


def test_who_waits_takes_over_from_one_that_failed(database: Database, tmp_path: Path) -> None:
    transit, _ = make(database, tmp_path)
    tries: list[str] = []

    async def want(name: str) -> None:
        async def bring(tell: Tell) -> Unpacked:
            tries.append(name)
            await asyncio.sleep(0)
            if name == "a":
                raise NotFound("lost")
            return layer("x")

        async with transit.hold(["chain"]):
            await transit.arrive("chain", nothing, bring)

    async def run() -> list[Any]:
        return list(await asyncio.gather(want("a"), want("b"), return_exceptions=True))

    first, second = asyncio.run(run())
    assert isinstance(first, NotFound)
    assert second is None
    assert tries == ["a", "b"]


def test_held_layer_stays_until_the_last_lets_go(database: Database, tmp_path: Path) -> None:
    transit, disk = make(database, tmp_path)

    async def bring(tell: Tell) -> Unpacked:
        return layer("x")

    async def run() -> None:
        async with transit.hold(["chain"]):
            await transit.arrive("chain", nothing, bring)
            async with transit.hold(["chain"]):
                pass
            assert disk.removed == []
            assert transit.held == {"chain"}

    asyncio.run(run())
    assert disk.removed == ["x"]
    assert transit.held == frozenset()


def test_failure_of_the_one_leaves_nothing_held(database: Database, tmp_path: Path) -> None:
    transit, disk = make(database, tmp_path)

    async def bring(tell: Tell) -> Unpacked:
        raise NotFound("no")

    async def run() -> None:
        async with transit.hold(["chain"]):
            await transit.arrive("chain", nothing, bring)

    with pytest.raises(NotFound):
        asyncio.run(run())
    assert (transit.held, disk.removed) == (frozenset(), [])
