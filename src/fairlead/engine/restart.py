"""Restart policies: whether an ended container is to be started again, and after how long. Pure."""

from __future__ import annotations

from fairlead.model.container import RestartPolicy

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 60.0
_SETTLED_S = 10.0
"""One that ran this long begins with the first delay again."""


def wanted(policy: RestartPolicy, *, exit_code: int, stopped_by_user: bool, restart_count: int) -> bool:
    """After an exit."""
    if stopped_by_user:
        return False
    match policy.name:
        case "always" | "unless-stopped":
            return True
        case "on-failure":
            limit = policy.maximum_retry_count
            return exit_code != 0 and (limit == 0 or restart_count < limit)
    return False


def wanted_at_boot(policy: RestartPolicy, *, exit_code: int, stopped_by_user: bool, ever_started: bool) -> bool:
    """When the daemon starts and finds the container not running."""
    if not ever_started:
        return False
    match policy.name:
        case "always":
            return True
        case "unless-stopped":
            return not stopped_by_user
        case "on-failure":
            return exit_code != 0 and not stopped_by_user
    return False


def delay(previous_s: float, ran_s: float) -> float:
    """The pause before the next start: doubles from 0.1 s to a minute."""
    if previous_s <= 0 or ran_s >= _SETTLED_S:
        return FIRST_DELAY_S
    return min(previous_s * 2, LONGEST_DELAY_S)
