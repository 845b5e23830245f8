"""G17: links that cannot be, with Docker's status and message, and nothing half made."""

from __future__ import annotations

import pytest

from testbed.guide import Guide

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--link", "nobody:db"], "could not get container for nobody: No such container: nobody"),
        (["--name", "web", "--link", "web:self"], "could not get container for web"),
        (["--link", "hostly:db"], "conflicting options: host type networking can't be used with links"),
        (["--network", "host", "--link", "db:db"], "host type networking can't be used with links"),
        (["--link", "db:a:b"], "bad format for links: db:a:b"),
        (["--network", "container:db", "--link", "db:db"], "conflicting options: container type network can't be used"),
    ],
    ids=["missing", "oneself", "of the host's network", "from the host's network", "bad", "container"],
)
def test_a_link_that_cannot_be_is_refused_at_create(guide: Guide, flags: list[str], message: str) -> None:
    guide.run_db()
    guide.do("run", "-d", "--name", "hostly", "--network", "host", "box", "sleep", "60")
    before = guide.lines("ps", "-aq")
    result = guide.attempt("run", "-d", *flags, "training/webapp")
    assert result.code == 125
    assert message in result.err
    assert guide.lines("ps", "-aq") == before


def test_a_stopped_source_is_refused_at_start_and_the_consumer_stays_created(guide: Guide) -> None:
    guide.run_db()
    guide.do("stop", "-t", "1", "db")
    result = guide.attempt("run", "-d", "--name", "web", "--link", "db:db", "training/webapp")
    assert result.code == 125
    assert "Cannot link to a non running container: /db AS /web/db" in result.err
    assert guide.engine.inspect("web")["State"]["Status"] == "created"
    guide.do("start", "db")
    guide.do("start", "web")
    assert guide.reach("web", "db")


def test_the_api_answers_400_for_a_missing_source_never_404(guide: Guide) -> None:
    body = {"Image": "box", "Cmd": ["true"], "HostConfig": {"Links": ["nobody:x"]}}
    status, answer = guide.engine.api("POST", "/containers/create", body)
    assert status == 400, answer


def test_a_container_without_network_keeps_its_link_without_effect(guide: Guide) -> None:
    guide.run_db()
    guide.do("run", "-d", "--name", "alone", "--network", "none", "--link", "db:db", "box", "sleep", "60")
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "alone") == "[/db:/alone/db]"
    assert "DB_NAME" not in guide.environment("alone")
    assert guide.reach("alone", guide.engine.address("db")) == ""
