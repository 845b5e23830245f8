"""Health checks as inspect tells them: each probe with its output, the streak, and those that take too long."""

from __future__ import annotations

from typing import Any

import pytest

from integration.config.harness import running
from testbed.engine import Engine, until

pytestmark = pytest.mark.root
MS = 1_000_000


def _check(script: str, **more: int) -> dict[str, Any]:
    return {"Test": ["CMD-SHELL", script], "Interval": 50 * MS, "Retries": 2, **more}


def test_probes_are_kept_with_what_they_said(shared_engine: Engine) -> None:
    check = _check("echo out; echo err >&2; test -f /ok")
    with running(shared_engine, Healthcheck=check) as container:
        def health() -> Any:
            return shared_engine.inspect(container)["State"]["Health"]

        until(lambda: health()["Status"] == "unhealthy")
        ill = health()
        assert ill["FailingStreak"] >= 2
        assert {probe["ExitCode"] for probe in ill["Log"]} == {1}
        assert sorted(ill["Log"][-1]["Output"].split()) == ["err", "out"]
        assert ill["Log"][-1]["Start"] < ill["Log"][-1]["End"]
        until(lambda: len(health()["Log"]) == 5)
        shared_engine.do("exec", container, "touch", "/ok")
        until(lambda: health()["Status"] == "healthy")
        assert health()["FailingStreak"] == 0
        found = shared_engine.json("GET", '/containers/json?filters={"health":["healthy"]}')
        assert [entry["Id"] for entry in found] == [container]


def test_a_probe_that_takes_too_long_is_ended(shared_engine: Engine) -> None:
    check = _check("echo slow; exec sleep 9876", Timeout=1000 * MS, Retries=1)
    with running(shared_engine, Healthcheck=check) as container:
        until(lambda: shared_engine.inspect(container)["State"]["Health"]["Status"] == "unhealthy")
        probe = shared_engine.inspect(container)["State"]["Health"]["Log"][0]
        assert (probe["ExitCode"], probe["Output"]) == (-1, "Health check exceeded timeout (1s): slow\n")
        until(lambda: shared_engine.do("exec", container, "ps").count("sleep 9876") <= 1)


def test_a_probe_that_cannot_be_run(shared_engine: Engine) -> None:
    check = {"Test": ["CMD", "/no/such"], "Interval": 50 * MS, "Retries": 1}
    with running(shared_engine, Healthcheck=check) as container:
        until(lambda: shared_engine.inspect(container)["State"]["Health"]["Status"] == "unhealthy")
        probe = shared_engine.inspect(container)["State"]["Health"]["Log"][0]
    assert probe["ExitCode"] != 0
    assert "/no/such" in probe["Output"]


def test_a_start_period_is_asked_often_and_forgives(shared_engine: Engine) -> None:
    check = {"Test": ["CMD-SHELL", "test -f /ok"], "Interval": 3600_000 * MS, "StartPeriod": 3600_000 * MS,
             "StartInterval": 50 * MS, "Retries": 1}  # fmt: skip
    with running(shared_engine, Healthcheck=check) as container:
        until(lambda: len(shared_engine.inspect(container)["State"]["Health"]["Log"]) == 3)
        starting = shared_engine.inspect(container)["State"]["Health"]
        assert (starting["Status"], starting["FailingStreak"]) == ("starting", 0)
        shared_engine.do("exec", container, "touch", "/ok")
        until(lambda: shared_engine.inspect(container)["State"]["Health"]["Status"] == "healthy")


def test_no_check_no_health(shared_engine: Engine) -> None:
    with running(shared_engine, Healthcheck={"Test": ["NONE"]}) as container:
        assert "Health" not in shared_engine.inspect(container)["State"]
