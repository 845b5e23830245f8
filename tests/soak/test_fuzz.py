"""Some twelve thousand requests that schemathesis makes up from Docker's own API definition, right ones and wrong ones:
none is answered with 500, none is left without an answer, and the daemon is as sound afterwards."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import environments
from testbed.engine import Engine, until

pytestmark = [pytest.mark.root, pytest.mark.soak]
HOOKS = Path(__file__).parent / "fuzz"
EXAMPLES = 3
"""Of each operation, beside those that cover its definition."""
LONGEST_S = 20
ENDLESS = (
    "/events", "/containers/{id}/attach", "/containers/{id}/attach/ws", "/containers/{id}/logs",
    "/containers/{id}/stats", "/containers/{id}/wait", "/exec/{id}/start", "/session", "/build",
)  # fmt: skip
"""Answers that last by their nature, which a client of plain requests cannot tell from a hang."""
DEADLY = ("/containers/{id}/kill", "/containers/{id}/stop")


def test_no_request_is_answered_with_500_or_not_at_all(
    request: pytest.FixtureRequest, new_engine: Callable[..., Engine]
) -> None:
    directory = request.config.getoption("--api-definitions")
    if not directory:
        pytest.skip("no definitions at hand: make soak API=…")
    engine = new_engine()
    definition = max(Path(directory).glob("v1.*.yaml"), key=lambda path: _minor(path) if _minor(path) <= 50 else 0)
    container = engine.do("run", "-d", "--network", "none", "--name", "standing", "box", "sleep", "1000")
    engine.do("volume", "create", "kept")
    argv = [
        str(environments.make("fuzz") / "schemathesis"), "run", str(definition),
        "--url", f"http://docker/v1.{_minor(definition)}", "--checks", "no_fault_of_ours",
        "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--request-timeout", str(LONGEST_S),
        "--continue-on-failure", "--seed", "1", "--suppress-health-check", "all", "--warnings", "off",
        *(word for path in (*ENDLESS, *DEADLY) for word in ("--exclude-path", path)),
    ]  # fmt: skip
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(HOOKS), "SCHEMATHESIS_HOOKS": "hooks",
        "FUZZ_SOCKET": str(engine.socket), "FUZZ_CONTAINER": container,
    }  # fmt: skip
    done = subprocess.run(argv, env=env, cwd=engine.root, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    made = re.search(r"(\d+) generated", done.stdout)
    assert made is not None
    assert int(made[1]) > 5_000
    assert "Traceback" not in engine.log.read_text()
    assert engine.api("GET", "/_ping") == (200, b"OK")
    until(lambda: engine.json("GET", "/info")["NGoroutines"] < 20, what="no request is still worked on")


def _minor(path: Path) -> int:
    return int(path.stem.partition(".")[2])
