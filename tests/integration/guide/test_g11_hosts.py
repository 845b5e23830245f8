"""G11: /etc/hosts of the consumer."""

from __future__ import annotations

import pytest

from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_hosts_holds_the_own_line_and_the_link_line(guide: Guide) -> None:
    source = guide.run_db()
    container_id = guide.run_web("--link", "db:webdb")
    lines = guide.hosts("web")
    assert lines[0] == "127.0.0.1\tlocalhost"
    assert f"{guide.engine.address('db')}\twebdb {source[:12]} db" in lines
    assert lines[-1] == f"{guide.engine.address('web')}\t{container_id[:12]}"


def test_an_alias_equal_to_the_name_is_not_repeated(guide: Guide) -> None:
    source = guide.run_db()
    guide.run_web("--link", "db:db")
    assert f"{guide.engine.address('db')}\tdb {source[:12]}" in guide.hosts("web")


def test_two_sources_two_lines_in_the_given_order(guide: Guide) -> None:
    first, second = guide.run_db(), guide.run_db("cache")
    guide.run_web("--link", "db:one", "--link", "cache:two")
    links = [line for line in guide.hosts("web") if "\tone" in line or "\ttwo" in line]
    assert links == [
        f"{guide.engine.address('db')}\tone {first[:12]} db",
        f"{guide.engine.address('cache')}\ttwo {second[:12]} cache",
    ]


def test_a_container_without_links_learns_of_nobody(guide: Guide) -> None:
    guide.run_db()
    container_id = guide.run_web()
    assert [line for line in guide.hosts("web") if line.startswith("172.")] == [
        f"{guide.engine.address('web')}\t{container_id[:12]}"
    ]


def test_added_hosts_and_a_given_hostname(guide: Guide) -> None:
    guide.do(
        "run", "-d", "--name", "foo", "-h", "foo.example.com", "--add-host", "extra:86.75.30.9", "box", "sleep", "60"
    )
    lines = guide.hosts("foo")
    assert "86.75.30.9\textra" in lines
    assert lines[-1] == f"{guide.engine.address('foo')}\tfoo.example.com foo"
    assert guide.do("exec", "foo", "hostname") == "foo.example.com"
