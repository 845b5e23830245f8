"""G13 to G15: a link outlives restarts, re-creation and changes of address; addresses stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.engine import Engine
from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_the_link_lives_on_over_a_restart_of_the_source(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    before = guide.reach("web", "db")
    guide.do("restart", "-t", "1", "db")
    assert guide.reach("web", "db") == before != ""


def test_a_container_keeps_its_address_over_stop_and_start_though_others_come(guide: Guide) -> None:
    guide.run_db()
    address = guide.engine.address("db")
    guide.do("stop", "-t", "1", "db")
    guide.run_db("other")
    assert guide.engine.address("other") != address
    guide.do("start", "db")
    assert guide.engine.address("db") == address


def test_a_recreated_container_gets_the_address_of_its_name_again(guide: Guide) -> None:
    guide.run_db()
    address = guide.engine.address("db")
    guide.do("rm", "-f", "db")
    guide.run_db("other")
    guide.run_db()
    assert guide.engine.address("db") == address
    assert guide.engine.address("other") != address


def test_while_the_source_is_stopped_its_line_stays_and_a_connection_fails_at_once(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    before = guide.hosts("web")
    guide.do("stop", "-t", "1", "db")
    assert guide.hosts("web") == before
    # busybox's `nc -w` would give up after 60 s: the kernel's answer comes first, and says which it is.
    refused = guide.attempt("exec", "web", "nc", "-w", "60", "db", "5432")
    assert "Connection refused" in refused.err or "No route to host" in refused.err, refused
    assert guide.engine.inspect("web")["State"]["Running"]
    assert guide.engine.json("GET", "/containers/web/json")["HostConfig"]["Links"] == ["/db:/web/db"]
    guide.do("start", "db")
    assert guide.hosts("web") == before


def test_a_link_follows_the_name_to_a_new_container(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:webdb")
    guide.do("rm", "-f", "db")
    assert not [line for line in guide.hosts("web") if "webdb" in line]
    source = guide.run_db()
    assert f"{guide.engine.address('db')}\twebdb {source[:12]} db" in guide.hosts("web")
    assert guide.reach("web", "webdb") == f"postgres of {source[:12]}"
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "web") == "[/db:/web/webdb]"


def test_when_the_address_changes_hosts_and_grant_of_a_running_consumer_follow(
    new_engine: Callable[..., Engine],
) -> None:
    # Five addresses: db and web, three others.
    engine = new_engine("--bip", "172.17.0.1/29")
    guide = Guide(engine, engine.client("fairlead"))
    guide.run_db()
    guide.run_web("--link", "db:db")
    old = engine.address("db")
    for name in ("one", "two", "three"):
        guide.do("run", "-d", "--name", name, "box", "sleep", "60")
    guide.do("rm", "-f", "db")
    guide.do("run", "-d", "--name", "squatter", "box", "sleep", "60")
    assert engine.address("squatter") == old, "the last free address goes to whoever needs it"
    guide.do("rm", "-f", "one")
    source = guide.run_db()
    new = engine.address("db")
    assert new != old
    assert f"{new}\tdb {source[:12]}" in guide.hosts("web")
    assert not [line for line in guide.hosts("web") if line.startswith(old)]
    assert guide.reach("web", "db") == f"postgres of {source[:12]}"
    assert guide.reach("web", old) == ""


def test_addresses_ports_and_links_survive_an_orderly_restart_of_the_daemon(
    new_engine: Callable[..., Engine],
) -> None:
    engine = new_engine()
    guide = Guide(engine, engine.client("fairlead"))
    guide.run_db()
    guide.run_web("--link", "db:db", "-p", "80:5000")
    address = engine.address("db")
    assert engine.stop() == 0
    assert engine.host.here.fetch("http://127.0.0.1:80/") == "Hello world!\n", "served while no daemon runs"
    engine.start()
    assert engine.address("db") == address
    assert guide.reach("web", "db")
    assert guide.page(guide.here, "127.0.0.1", 80) == "Hello world!\n"
