from pathlib import Path

import pytest

from fairlead.cli import autostart


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "daemon.log"
    monkeypatch.setattr(autostart, "LOG", str(path))
    monkeypatch.setattr(autostart, "_offsets", [])
    return path


def test_a_daemon_that_ended_at_once_is_quoted(log: Path) -> None:
    log.write_text("yesterday: all well\n")
    autostart._offsets.append(log.stat().st_size)
    with log.open("a") as file:
        file.write("Traceback\nERROR another daemon uses /data\n\n")
    assert autostart.last_words() == f"\nthe daemon's last words in {log}: ERROR another daemon uses /data"


def test_a_silent_daemon_is_not_given_words_of_an_earlier_one(log: Path) -> None:
    log.write_text("yesterday: ERROR\n")
    autostart._offsets.append(log.stat().st_size)
    assert autostart.last_words() == ""


def test_a_daemon_of_somebody_else_is_not_quoted(log: Path) -> None:
    log.write_text("ERROR\n")
    assert autostart.last_words() == ""
