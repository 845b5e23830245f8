from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairlead.engine import health
from fairlead.engine.health import HEALTHY, STARTING, UNHEALTHY
from fairlead.model.container import HealthConfig
from fairlead.model.request import Health, Probe

NOW = datetime.now(UTC)


def after(*passed: bool, retries: int = 2, young: bool = False) -> str:
    verdict = Health()
    for good in passed:
        verdict = health.judge(verdict, probe(0 if good else 1), retries=retries, in_start_period=young)
    return verdict.status


def probe(code: int) -> Probe:
    return Probe(NOW, NOW, code, "")


def test_verdicts() -> None:
    assert after(True) == HEALTHY
    assert after(False) == STARTING
    assert after(False, False) == UNHEALTHY
    assert after(True, False) == HEALTHY
    assert after(True, False, False, True) == HEALTHY


def test_failures_while_it_starts_up_do_not_count() -> None:
    assert after(False, False, False, young=True) == STARTING


def test_the_last_five_probes_are_kept() -> None:
    verdict = Health()
    for code in range(1, 8):
        verdict = health.judge(verdict, probe(code), retries=3, in_start_period=False)
    assert [kept.exit_code for kept in verdict.log] == [3, 4, 5, 6, 7]
    assert verdict.failures == 7


@pytest.mark.parametrize(
    ("ns", "text"),
    [(30 * 10**9, "30s"), (10**8, "100ms"), (90 * 10**9, "1m30s"), (1_500_000_000, "1.5s"), (3600 * 10**9, "1h0m0s")],
)
def test_durations_as_go_writes_them(ns: int, text: str) -> None:
    assert health.duration(ns) == text


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ((), ()),
        (("NONE",), ()),
        (("CMD", "a", "b"), ("a", "b")),
        (("CMD-SHELL", "a b"), ("/bin/sh", "-c", "a b")),
    ],
)
def test_commands(test: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert health.command(HealthConfig(test=test), ()) == words
