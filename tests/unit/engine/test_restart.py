from __future__ import annotations

import pytest

from fairlead.engine import restart
from fairlead.model.container import RestartPolicy


@pytest.mark.parametrize(
    ("policy", "code", "stopped", "count", "wanted"),
    [
        (("no", 0), 1, False, 0, False),
        (("always", 0), 0, False, 9, True),
        (("always", 0), 0, True, 0, False),
        (("unless-stopped", 0), 1, False, 0, True),
        (("unless-stopped", 0), 1, True, 0, False),
        (("on-failure", 0), 0, False, 0, False),
        (("on-failure", 0), 1, False, 99, True),
        (("on-failure", 2), 1, False, 1, True),
        (("on-failure", 2), 1, False, 2, False),
    ],
)
def test_after_an_exit(policy: tuple[str, int], code: int, stopped: bool, count: int, wanted: bool) -> None:
    given = RestartPolicy(*policy)
    assert restart.wanted(given, exit_code=code, stopped_by_user=stopped, restart_count=count) is wanted


@pytest.mark.parametrize(
    ("name", "code", "stopped", "ever", "wanted"),
    [
        ("always", 0, True, True, True),
        ("always", 0, False, False, False),
        ("unless-stopped", 0, True, True, False),
        ("unless-stopped", 0, False, True, True),
        ("on-failure", 1, False, True, True),
        ("on-failure", 0, False, True, False),
        ("no", 1, False, True, False),
    ],
)
def test_when_the_daemon_starts(name: str, code: int, stopped: bool, ever: bool, wanted: bool) -> None:
    given = RestartPolicy(name)
    assert restart.wanted_at_boot(given, exit_code=code, stopped_by_user=stopped, ever_started=ever) is wanted


def test_the_pause_doubles_up_to_a_minute_and_begins_anew_after_ten_seconds_of_life() -> None:
    delays = [0.0]
    for _ in range(12):
        delays.append(restart.delay(delays[-1], 0.5))
    assert delays[1:5] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 60.0
    assert restart.delay(60.0, 10.0) == 0.1
