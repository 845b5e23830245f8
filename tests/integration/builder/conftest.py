"""An engine for each module of builder tests, with the image `box`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.engine import Engine
from testbed.host import Host


@pytest.fixture(scope="module")
def module_engine() -> Iterator[Engine]:
    with Engine(Host()).start() as engine:
        engine.do("image", "bootstrap", "box", "--busybox")
        yield engine
