"""Links on networks of the user: alias, variables, and on a private one the grant. Proven by who gets an answer."""

from __future__ import annotations

import pytest

from testbed.engine import Engine
from testbed.guide import Guide

pytestmark = pytest.mark.root

PRIVATE = ("-o", "com.docker.network.bridge.enable_icc=false")


@pytest.fixture
def guide(shared_engine: Engine) -> Guide:
    guide = Guide(shared_engine, shared_engine.client("fairlead"))
    guide.do("network", "create", *PRIVATE, "shop")
    return guide


def on_shop(guide: Guide, name: str, *flags: str) -> str:
    return guide.run_db(name, "--network", "shop", *flags)


def test_a_link_on_a_private_network_opens_it_one_way_with_alias_and_variables(guide: Guide) -> None:
    source = on_shop(guide, "db")
    on_shop(guide, "web", "--link", "db:store")
    on_shop(guide, "stranger")
    address = guide.engine.address("db", "shop")
    assert guide.reach("web", "store") == f"postgres of {source[:12]}"
    assert guide.reach("stranger", address) == guide.reach("stranger", "db") == ""
    assert guide.reach("db", guide.engine.address("web", "shop")) == ""
    assert guide.environment("web")["STORE_PORT"] == f"tcp://{address}:5432"
    assert guide.environment("web")["STORE_NAME"] == "/web/store"
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "web") == "[/db:/web/store]"
    assert not [line for line in guide.hosts("web") if "store" in line], "the resolver has the name"


def test_the_alias_is_private_and_wins(guide: Guide) -> None:
    guide.do("network", "create", "open")
    for name, flags in (("db", ()), ("other", ()), ("web", ("--link", "other:db")), ("stranger", ())):
        guide.run_db(name, "--network", "open", *flags)
    other = guide.engine.inspect("other")["Id"][:12]
    assert guide.reach("web", "db") == f"postgres of {other}"
    assert guide.reach("stranger", "db") != f"postgres of {other}"


def test_two_containers_link_to_each_other_whoever_comes_first(guide: Guide) -> None:
    on_shop(guide, "ping", "--link", "pong:peer")
    on_shop(guide, "pong", "--link", "ping:peer")
    assert guide.reach("ping", "peer")
    assert guide.reach("pong", "peer")


def test_a_link_follows_its_source_over_restart_rename_and_recreation(guide: Guide) -> None:
    on_shop(guide, "db")
    on_shop(guide, "web", "--link", "db:store")
    guide.do("restart", "-t", "0", "db")
    assert guide.reach("web", "store")
    guide.do("rename", "db", "base")
    assert guide.reach("web", "store")
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "web") == "[/base:/web/store]"
    guide.do("rm", "-f", "base")
    assert guide.reach("web", "store") == ""
    source = on_shop(guide, "base")
    assert guide.reach("web", "store") == f"postgres of {source[:12]}"


def test_rm_link_takes_alias_and_leave_at_once(guide: Guide) -> None:
    on_shop(guide, "db")
    on_shop(guide, "web", "--link", "db:store")
    guide.do("rm", "--link", "/web/store")
    assert guide.reach("web", "store") == guide.reach("web", guide.engine.address("db", "shop")) == ""
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "web") == "[]"


def test_connect_with_a_link_and_disconnect(guide: Guide) -> None:
    on_shop(guide, "db")
    guide.run_db("web")
    guide.do("network", "connect", "--link", "db:store", "shop", "web")
    assert guide.reach("web", "store")
    guide.do("network", "disconnect", "shop", "web")
    assert guide.reach("web", "store") == ""
    guide.do("network", "connect", "shop", "web")
    assert guide.reach("web", "db") == "", "the link went with the place on the network"


def test_links_are_there_again_after_the_daemon_was_killed(shared_engine: Engine, guide: Guide) -> None:
    on_shop(guide, "db")
    on_shop(guide, "web", "--link", "db:store")
    shared_engine.kill()
    shared_engine.start()
    assert guide.reach("web", "store")
    guide.do("stop", "-t", "0", "db")
    guide.do("start", "db")
    assert guide.reach("web", "store")


def test_a_link_of_the_default_bridge_comes_with_network_connect(guide: Guide) -> None:
    on_shop(guide, "web")
    guide.run_db("db")
    guide.do("network", "connect", "--link", "db:store", "bridge", "web")
    assert guide.reach("web", "store")
    assert [line for line in guide.hosts("web") if "store" in line]


def test_a_link_leads_to_a_source_of_another_network_once_that_joins(guide: Guide) -> None:
    """Its address here counts, and only while it is here; the variables never name one that is not."""
    guide.do("network", "create", "open")
    guide.run_db("db", "--network", "open")
    on_shop(guide, "web", "--link", "db:store")
    assert guide.reach("web", "store") == ""
    assert "STORE_PORT" not in guide.environment("web")
    for _ in range(2):
        guide.do("network", "connect", "shop", "db")
        assert guide.reach("web", "store")
        assert guide.environment("web")["STORE_PORT_5432_TCP_ADDR"] == guide.engine.address("db", "shop")
        address = guide.engine.address("db", "shop")
        guide.do("network", "disconnect", "shop", "db")
        assert guide.reach("web", "store") == guide.reach("web", address) == ""
        assert "STORE_PORT" not in guide.environment("web")


def test_a_link_that_waits_gets_whoever_is_renamed_so(guide: Guide) -> None:
    on_shop(guide, "web", "--link", "db:store")
    on_shop(guide, "other")
    assert guide.reach("web", "store") == ""
    guide.do("rename", "other", "db")
    assert guide.reach("web", "store")


def test_an_alias_given_twice_is_the_firsts(guide: Guide) -> None:
    first = on_shop(guide, "aa")
    on_shop(guide, "bb")
    guide.run_db("web")
    guide.do("network", "connect", "--link", "aa:store", "--link", "bb:store", "shop", "web")
    assert guide.reach("web", "store") == f"postgres of {first[:12]}"
    assert guide.reach("web", guide.engine.address("bb", "shop")) == ""


def test_a_link_to_a_container_that_shares_anothers_network(guide: Guide) -> None:
    source = on_shop(guide, "db")
    guide.do("run", "-d", "--name", "side", "--network", "container:db", "box", "sleep", "1000")
    on_shop(guide, "web", "--link", "side:store")
    assert guide.reach("web", "store") == f"postgres of {source[:12]}"
