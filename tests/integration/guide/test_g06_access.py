"""G6: the source publishes nothing, and only the linked consumer gets in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed import host
from testbed.engine import Engine, until
from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_the_linked_consumer_reaches_the_exposed_port_by_alias_name_and_address(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:webdb")
    for name in ("webdb", "db", guide.engine.address("db")):
        assert "postgres of" in guide.reach("web", name), name


def test_an_unlinked_container_of_the_same_bridge_does_not(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    guide.run_web(name="stranger")
    address = guide.engine.address("db")
    assert guide.reach("web", address)
    assert guide.reach("stranger", address) == ""
    assert guide.attempt("exec", "stranger", "ping", "-c", "1", "-W", "1", address).code == 1


def test_a_container_of_another_network_does_not(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    guide.do("network", "create", "other")
    guide.do("run", "-d", "--name", "stranger", "--network", "other", "box", "sleep", "60")
    address = guide.engine.address("db")
    assert guide.reach("web", address)
    assert guide.reach("stranger", address) == ""


def test_another_machine_with_a_route_to_the_containers_does_not(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    address = guide.engine.address("db")
    assert guide.reach("web", address)
    assert not guide.far.connects(address, 5432)
    assert not guide.far.connects(host.ADDRESS, 5432)


def test_nobody_gets_in_through_the_gateway(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    guide.run_web(name="stranger")
    assert guide.reach("web", "db")
    for address in ("172.17.0.1", host.ADDRESS):
        assert guide.reach("stranger", address) == "", address


def test_a_route_over_the_gateway_is_no_way_round(guide: Guide) -> None:
    guide.run_db()
    guide.do("run", "-d", "--name", "stranger", "--cap-add", "NET_ADMIN", "box", "sleep", "60")
    address = guide.engine.address("db")
    guide.do("exec", "stranger", "ip", "route", "add", address, "via", "172.17.0.1")
    assert guide.reach("stranger", address) == ""


def test_a_stolen_address_opens_no_way(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    guide.do("run", "-d", "--name", "thief", "--cap-add", "NET_ADMIN", "box", "sleep", "60")
    db, web = guide.engine.address("db"), guide.engine.address("web")
    mac = guide.engine.inspect("web")["NetworkSettings"]["Networks"]["bridge"]["MacAddress"]
    assert guide.reach("web", db)
    guide.do("exec", "thief", "ip", "address", "add", f"{web}/16", "dev", "eth0")
    guide.do("exec", "thief", "ip", "route", "replace", db, "dev", "eth0", "src", web)
    assert guide.reach("thief", db) == ""
    guide.do("exec", "thief", "ip", "route", "replace", db, "via", "172.17.0.1", "src", web)
    assert guide.reach("thief", db) == ""
    steal = f"ip link set eth0 down; ip link set eth0 address {mac}; ip link set eth0 up; ip route add {db} dev eth0"
    guide.attempt("exec", "thief", "sh", "-c", f"{steal} src {web}")
    assert guide.reach("thief", db) == ""
    assert guide.reach("web", db), "the thief cut the owner off"


def test_a_link_is_no_way_back(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    address = guide.engine.address("web")
    until(lambda: guide.here.fetch(f"http://{address}:5000/"), what="the page, for the host itself")
    assert guide.reach("db", address, 5000) == ""
    assert guide.attempt("exec", "db", "ping", "-c", "1", "-W", "1", address).code == 1


def test_a_link_opens_the_exposed_ports_and_no_other(guide: Guide) -> None:
    guide.run_db()
    guide.do("exec", "-d", "db", "nc", "-ll", "-p", "6000", "-e", "echo", "secret")
    guide.run_web("--link", "db:db")
    address = guide.engine.address("db")
    until(lambda: guide.here.talk(address, 6000), what="the port, for the host itself")
    assert guide.reach("web", "db", 5432)
    assert guide.reach("web", "db", 6000) == ""


def test_ping_works_over_a_link(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:webdb")
    said = guide.do("exec", "web", "ping", "-c", "1", "-W", "2", "webdb")
    assert said.startswith(f"PING webdb ({guide.engine.address('db')})")


def test_the_host_itself_gets_in_as_with_docker(guide: Guide) -> None:
    guide.run_db()
    assert "postgres of" in (guide.here.talk(guide.engine.address("db"), 5432) or "")


def test_icc_true_is_dockers_open_bridge(new_engine: Callable[..., Engine]) -> None:
    engine: Engine = new_engine("--icc=true")
    guide = Guide(engine, engine.client("fairlead"))
    guide.run_db()
    guide.run_web(name="stranger")
    assert "postgres of" in guide.reach("stranger", engine.address("db"))
    assert not engine.host.far.connects(engine.address("db"), 5432)
