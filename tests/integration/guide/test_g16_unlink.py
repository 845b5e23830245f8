"""G16: `rm --link /web/db` removes the link alone."""

from __future__ import annotations

import pytest

from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_alias_hosts_line_and_access_go_at_once_and_the_containers_stay(guide: Guide) -> None:
    guide.run_db()
    guide.run_db("cache")
    guide.run_web("--link", "db:db", "--link", "cache:cache")
    address = guide.engine.address("db")
    assert guide.reach("web", address)
    guide.do("rm", "--link", "/web/db")
    assert guide.reach("web", address) == ""
    assert not [line for line in guide.hosts("web") if line.startswith(address)]
    assert guide.attempt("inspect", "web/db").code == 1
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "web") == "[/cache:/web/cache]"
    assert guide.reach("web", "cache"), "the other link stays"
    assert sorted(guide.lines("ps", "--format", "{{.Names}}")) == ["cache", "db", "web"]


def test_the_name_without_a_consumer_is_no_link(guide: Guide) -> None:
    guide.run_db()
    result = guide.attempt("rm", "--link", "db")
    assert result.code == 1
    assert "Conflict, cannot remove the default link name of the container" in result.err


def test_a_link_that_is_not_there_is_not_found(guide: Guide) -> None:
    guide.run_web()
    result = guide.attempt("rm", "--link", "web/nothing")
    assert result.code == 1
    assert "No such container: web/nothing" in result.err
