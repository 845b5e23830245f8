"""Property tests are about values, not about the speed of the machine: no deadline, no health check of it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("fairlead", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fairlead")
