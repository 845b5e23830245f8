"""Each row of the guide is played twice, with our client and with Docker's, against one engine per module."""

from __future__ import annotations

import pytest

from testbed.engine import Engine
from testbed.guide import Guide


@pytest.fixture(params=["fairlead", "docker"])
def guide(request: pytest.FixtureRequest, shared_engine: Engine) -> Guide:
    return Guide(shared_engine, shared_engine.client(request.param))
