"""One engine for this whole folder: its tests are many and small, and each leaves the engine empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.engine import Engine
from testbed.host import Host
from testbed.images import build_images


@pytest.fixture(scope="package")
def _module_engine() -> Iterator[Engine]:
    with Engine(Host()).start() as engine:
        build_images(engine)
        yield engine
