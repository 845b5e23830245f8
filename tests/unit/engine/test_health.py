from __future__ import annotations

import pytest

from fairlead.engine import health
from fairlead.engine.health import HEALTHY, STARTING, UNHEALTHY, Verdict
from fairlead.model.container import HealthConfig


def after(*passed: bool, retries: int = 2, young: bool = False) -> str:
    verdict = Verdict()
    for good in passed:
        verdict = health.judge(verdict, passed=good, retries=retries, in_start_period=young)
    return verdict.status


def test_verdicts() -> None:
    assert after(True) == HEALTHY
    assert after(False) == STARTING
    assert after(False, False) == UNHEALTHY
    assert after(True, False) == HEALTHY
    assert after(True, False, False, True) == HEALTHY


def test_failures_while_it_starts_up_do_not_count() -> None:
    assert after(False, False, False, young=True) == STARTING


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
