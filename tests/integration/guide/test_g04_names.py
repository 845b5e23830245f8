"""G4: every container has a name of its own, and frees it when it goes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from testbed.engine import until
from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_a_container_without_a_name_gets_a_readable_one(guide: Guide) -> None:
    container_id = guide.do("run", "-d", "box", "sleep", "60")
    name = guide.do("inspect", "-f", "{{ .Name }}", container_id)
    assert re.fullmatch(r"/[a-z]+_[a-z]+\d?", name), name


def test_inspect_shows_a_given_name_with_its_slash(guide: Guide) -> None:
    guide.run_web()
    assert guide.do("inspect", "-f", "{{ .Name }}", "web") == "/web"


def test_the_second_container_of_a_name_is_refused_and_nothing_is_left(guide: Guide) -> None:
    first = guide.run_web()
    result = guide.attempt("run", "-d", "--name", "web", "training/webapp")
    assert result.code == 125
    assert (
        f'Conflict. The container name "/web" is already in use by container "{first}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    ) in result.err
    assert guide.lines("ps", "-aq", "--no-trunc") == [first]


def test_after_rm_the_name_is_free(guide: Guide) -> None:
    first = guide.run_web()
    guide.do("rm", "-f", "web")
    assert guide.run_web() != first


def test_a_running_container_is_not_removed_without_force(guide: Guide) -> None:
    guide.run_web()
    result = guide.attempt("rm", "web")
    assert result.code == 1
    assert "container is running: stop the container before removing or force remove" in result.err


def test_a_container_is_found_by_id_prefix_name_and_link_name(guide: Guide) -> None:
    container_id = guide.run_db()
    guide.run_web("--link", "db:database")
    for reference in (container_id, container_id[:7], "db", "/db", "web/database", "/web/database"):
        assert guide.do("inspect", "-f", "{{ .Id }}", reference) == container_id, reference


def test_rm_removes_the_container_and_its_anonymous_volume_as_soon_as_it_stops(guide: Guide) -> None:
    guide.do("run", "--rm", "--name", "brief", "-v", "/data", "box", "true")
    assert guide.lines("ps", "-aq") == []
    assert guide.engine.json("GET", "/volumes")["Volumes"] in ([], None)
    guide.do("run", "--rm", "--name", "brief", "box", "true")


def test_rm_works_also_when_the_client_was_killed(guide: Guide) -> None:
    cid_file = Path(guide.engine.root, f"cid-{os.getpid()}")
    cid_file.unlink(missing_ok=True)
    words = ["run", "--rm", "--name", "brief", "--cidfile", str(cid_file), "-v", "/data", "box", "sleep", "1"]
    with subprocess.Popen([*guide.client.argv, *words], env=guide.client.env, stdout=subprocess.DEVNULL) as client:
        until(lambda: guide.attempt("inspect", "-f", "{{ .State.Running }}", "brief").out == "true\n")
        client.send_signal(signal.SIGKILL)
    assert cid_file.read_text() == guide.do("inspect", "-f", "{{ .Id }}", "brief")
    cid_file.unlink()
    until(lambda: guide.lines("ps", "-aq") == [], what="the container removes itself")
    assert guide.engine.json("GET", "/volumes")["Volumes"] in ([], None)


def test_rename_moves_name_and_link_names(guide: Guide) -> None:
    guide.run_db()
    container_id = guide.run_web("--link", "db:db")
    guide.do("rename", "web", "site")
    assert guide.do("inspect", "-f", "{{ .Id }}", "site") == container_id
    assert guide.do("inspect", "-f", "{{ .Name }}", "site/db") == "/db"
    assert guide.attempt("inspect", "web").code == 1
