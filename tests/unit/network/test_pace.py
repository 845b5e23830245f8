"""Mending in moderation."""

from __future__ import annotations

from fairlead.network.pace import Pace


def test_what_breaks_now_and_then_is_mended_at_once() -> None:
    pace = Pace()
    assert [pace.wait("rules", now=float(second)) for second in range(100)] == [0.0] * 100


def test_what_breaks_all_the_time_is_mended_once_a_second() -> None:
    pace, now, times = Pace(), 0.0, 0
    while now < 60:
        now += 0.001 + pace.wait("rules", now)
        times += 1
    assert 60 <= times <= 72


def test_nobody_waits_longer_than_a_second() -> None:
    pace = Pace()
    waits: list[float] = []
    for _ in range(30):
        waits.append(pace.wait("rules", now=sum(waits)))
    assert max(waits) == 1.0


def test_one_does_not_slow_down_another() -> None:
    pace = Pace()
    for _ in range(12):
        pace.wait("one", now=5.0)
    assert pace.wait("other", now=5.0) == 0.0
