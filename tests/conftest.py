"""Fixtures of the root tests: an engine of one's own on a fake host, and the check that nothing is left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from testbed import leftovers
from testbed.engine import Engine
from testbed.host import Host
from testbed.images import build_images


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--api-definitions", default="", metavar="DIR", help="check answers against Docker's definitions")
    group.addoption("--write-tables", action="store_true", help="write the tables of docs/networking.md as seen")
    group.addoption("--target", default="fairlead", choices=["fairlead", "docker"], help="which engine is driven")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.fail("needs root and the real kernel: run `sudo make test`", pytrace=False)


@pytest.fixture
def new_engine() -> Iterator[Callable[..., Engine]]:
    """Makes engines with daemon flags of one's choice; all end with the test, and none may leave anything."""
    engines: list[Engine] = []

    def make(*flags: str, images: bool = True, host: Host | None = None) -> Engine:
        engine = Engine(host or Host(), *flags)
        engines.append(engine)
        engine.start()
        if images:
            build_images(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture(scope="module")
def new_module_engine_on() -> Iterator[Callable[..., Engine]]:
    """Makes engines on hosts that the test has prepared, with images, that live as long as the module's tests."""
    engines: list[Engine] = []

    def make(host: Host, *flags: str) -> Engine:
        engine = Engine(host, *flags)
        engines.append(engine)
        engine.start()
        build_images(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture(scope="module")
def new_module_engine(new_module_engine_on: Callable[..., Engine]) -> Callable[..., Engine]:
    """The same, each on a host of its own."""
    return lambda *flags: new_module_engine_on(Host(), *flags)


@pytest.fixture
def engine(new_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """A private-by-default engine with the test images. Everything the test made is removed and must be gone."""
    engine = new_engine()
    before = leftovers.snapshot(engine)
    yield engine
    _nothing_left(engine, before)
    assert engine.stop() == 0, engine.tail()
    assert engine.processes() == []


@pytest.fixture(scope="module")
def _module_engine() -> Iterator[Engine]:
    with Engine(Host()).start() as engine:
        build_images(engine)
        yield engine


@pytest.fixture
def shared_engine(_module_engine: Engine) -> Iterator[Engine]:
    """One engine for a whole module, empty again after each test: for the many small cases."""
    before = leftovers.snapshot(_module_engine)
    yield _module_engine
    _nothing_left(_module_engine, before)


@pytest.fixture
def clean(town: Engine) -> Iterator[Engine]:
    """The module's own `town`, empty again after each test."""
    before = leftovers.snapshot(town)
    yield town
    _nothing_left(town, before)


def _nothing_left(engine: Engine, before: dict[str, list[str]]) -> None:
    if engine.process is None:
        return
    engine.clear()
    if not engine.ours:
        return
    left: list[str] = []
    for _ in range(50):
        left = leftovers.difference(before, leftovers.snapshot(engine))
        if not left:
            return
        time.sleep(0.05)
    pytest.fail("not as before the test:\n  " + "\n  ".join(left) + f"\n--- daemon\n{engine.tail()}", pytrace=False)
