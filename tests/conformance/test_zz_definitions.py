"""After all other tests of this directory: what Docker's API definitions say to every answer of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import page, recorder
from conformance.definitions import Definitions

pytestmark = [pytest.mark.root, pytest.mark.clients]


def test_every_answer_is_as_docker_defines_it(request: pytest.FixtureRequest, findings: Path) -> None:
    directory = request.config.getoption("--api-definitions")
    if not directory:
        pytest.skip("no definitions at hand: --api-definitions")
    found = recorder.read(findings)
    assert found, "the proxy saw nothing"
    if request.config.getoption("--target") == "fairlead":
        page.PATH.write_text(page.render(found, Definitions(Path(directory))))
    if faults := page.unexplained(found):
        pytest.fail("\n".join(faults), pytrace=False)
