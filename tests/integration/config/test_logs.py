"""Log drivers and their options: files of a size, several of them, none; what a reader gets across their borders."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from integration.config.harness import create, refusal, running
from testbed.engine import Engine, until

pytestmark = pytest.mark.root

COUNT = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i of a log that goes on; usleep 2000; done"


def _config(driver: str, **options: str) -> dict[str, Any]:
    return {"LogConfig": {"Type": driver, "Config": {name.replace("_", "-"): text for name, text in options.items()}}}


def _numbers(text: str) -> list[int]:
    return [int(line.split()[1]) for line in text.splitlines()]


def _run(engine: Engine, script: str, host: dict[str, Any], **config: Any) -> str:
    container = create(engine, script, host, **config)
    engine.json("POST", f"/containers/{container}/start")
    engine.json("POST", f"/containers/{container}/wait")
    return container


def test_a_log_in_several_files_is_read_as_one(shared_engine: Engine) -> None:
    container = _run(shared_engine, COUNT, _config("json-file", max_size="5k", max_file="3"))
    path = Path(shared_engine.inspect(container)["LogPath"])
    until(lambda: len(list(path.parent.glob("container.log.[0-9]"))) == 2)
    assert all(file.stat().st_size <= 5000 for file in path.parent.glob("container.log*"))
    numbers = _numbers(shared_engine.do("logs", container))
    assert numbers == list(range(numbers[0], 401))
    assert 1 < numbers[0] < 340
    assert _numbers(shared_engine.do("logs", "--tail", "100", container)) == list(range(301, 401))


def test_a_follower_misses_nothing_when_files_change(shared_engine: Engine) -> None:
    container = create(shared_engine, COUNT, _config("local", max_size="5k", max_file="4"))
    shared_engine.json("POST", f"/containers/{container}/start")
    assert _numbers(shared_engine.do("logs", "-f", container)) == list(range(1, 401))


def test_one_file_of_a_size(shared_engine: Engine) -> None:
    container = _run(shared_engine, COUNT, _config("json-file", max_size="4k"))
    path = Path(shared_engine.inspect(container)["LogPath"])
    assert [file.name for file in path.parent.glob("container.log*")] == ["container.log"]
    numbers = _numbers(shared_engine.do("logs", container))
    assert numbers == list(range(numbers[0], 401))
    assert len(numbers) < 60


def test_files_that_changed_while_the_daemon_was_down(shared_engine: Engine) -> None:
    with running(shared_engine, _config("json-file", max_size="5k", max_file="5"), COUNT) as container:
        shared_engine.kill()
        path = shared_engine.data_root / f"containers/{container}/container.log"
        until(lambda: b"line 400 " in path.read_bytes())
        shared_engine.start()
        numbers = _numbers(shared_engine.do("logs", container))
    assert numbers[-1] == 400


def test_no_log_at_all(shared_engine: Engine) -> None:
    container = _run(shared_engine, "echo unheard", _config("none"))
    result = shared_engine.cli("logs", container)
    assert "configured logging driver does not support reading" in result.text
    assert shared_engine.inspect(container)["LogPath"] == ""
    assert shared_engine.inspect(container)["HostConfig"]["LogConfig"] == {"Type": "none", "Config": {}}


def test_details_times_and_spans(shared_engine: Engine) -> None:
    host = _config("json-file", labels="tier", env="COLOR", tag="t1")
    script = "echo out; usleep 50000; echo err >&2; usleep 50000; echo last"
    container = _run(shared_engine, script, host, Labels={"tier": "front"}, Env=["COLOR=dark red"])
    assert shared_engine.client("docker").do("logs", "--details", container).splitlines()[0] == (
        "COLOR=dark+red,tag=t1,tier=front out")  # fmt: skip
    stamped = shared_engine.client("docker").attempt("logs", "-t", container)
    times = [line.split()[0] for line in stamped.out.splitlines()]
    assert len(times) == 2
    assert all(len(time) == 30 and time.endswith("Z") for time in times)
    assert shared_engine.client("docker").do("logs", "--since", times[1], container) == "last"
    assert shared_engine.client("docker").do("logs", "--until", times[0], container) == "out"
    assert stamped.err.split(" ", 1)[1] == "err\n"


def test_drivers_that_are_not_there(shared_engine: Engine) -> None:
    for driver in ("syslog", "fluentd", "gelf", "awslogs", "splunk", "gcplogs", "nonsense"):
        assert refusal(shared_engine, _config(driver)) == (
            400, f"logger: no log driver named '{driver}' is registered")  # fmt: skip
    if subprocess.run(["which", "journalctl"], check=False, capture_output=True).returncode:
        assert refusal(shared_engine, _config("journald")) == (
            400, "failed to initialize logging driver: journald is not enabled on this host")  # fmt: skip
