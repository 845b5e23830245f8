"""What the unit tests share: a store in memory, and how hypothesis is asked.

Property tests are about values, not about the speed of the machine: no deadline, no health check of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from fairlead.store.database import Database

settings.register_profile("fairlead", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fairlead")


@pytest.fixture
def database() -> Iterator[Database]:
    """In memory, and closed: Python 3.13 complains of one that is left to the collector."""
    made = Database(":memory:")
    yield made
    made.close()
