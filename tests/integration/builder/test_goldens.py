"""Every Dockerfile of cases.py gives what Docker's builders made of it (tests/golden/build.json, made by
scripts/golden-build beside a real dockerd)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import outcome
from testbed.dockerfiles import CASES, Case
from testbed.engine import Engine
from testbed.host import Host
from testbed.wrongfiles import WRONG, complaint, of_today, without_advice

_PLACE = Path(__file__).parents[2] / "golden"
GOLDEN = json.loads((_PLACE / "build.json").read_text())
REFUSED = json.loads((_PLACE / "refused.json").read_text())


@pytest.fixture(scope="module")
def built() -> Iterator[Engine]:
    with Engine(Host()).start() as engine:
        engine.do("image", "bootstrap", "box", "--busybox")
        yield engine


@pytest.mark.root
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome_is_dockers(case: Case, built: Engine, tmp_path: Path) -> None:
    found = outcome.of(case, built.client("fairlead"), built.api, tmp_path / "context")
    assert found == {name: value for name, value in GOLDEN[case.name].items() if name in found}


@pytest.mark.root
def test_what_is_wrong_is_said_in_dockers_words(built: Engine) -> None:
    said = {name: without_advice(complaint(built.socket, text)) for name, text in WRONG.items()}
    assert said == {name: of_today(text) for name, text in REFUSED.items()}
