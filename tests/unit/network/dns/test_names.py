"""Who answers to which name, seen from where."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from fairlead.network.dns.names import Names, Presence, Sight, View


def presence(number: int, network: str, *names: str) -> Presence:
    return Presence(
        container_id=f"c{number}", network_id=network, names=names, addresses=(IPv4Address(f"10.0.0.{number}"),)
    )


def sight(network: str, *, reach: frozenset[str] | None = None, **aliases: str) -> Sight:
    return Sight(network_id=network, network=f"{network}net", aliases=aliases, reach=reach)


@pytest.fixture
def names() -> Names:
    """`db` (also `data`) and `cache` on network a; another `db` on b; c9 asks on both, a first."""
    table = Names()
    table.put("c1", View(), (presence(1, "a", "db", "data"),))
    table.put("c2", View(), (presence(2, "a", "cache", "data"),))
    table.put("c3", View(), (presence(3, "b", "db"),))
    table.put("c9", View(sights=(sight("a"), sight("b")), fixed={"mail": (IPv4Address("192.0.2.1"),)}), ())
    return table


def found(table: Names, name: str, asker: str = "c9") -> list[str]:
    return sorted(presence.container_id for presence in table.find(asker, name))


def test_the_first_network_that_knows_a_name_answers(names: Names) -> None:
    assert found(names, "db") == ["c1"]


@pytest.mark.parametrize("name", ["db.bnet", "DB.bnet", "db.BNET"])
def test_a_network_may_be_named(names: Names, name: str) -> None:
    assert found(names, name) == ["c3"]


def test_all_owners_of_a_shared_name_answer_in_any_case(names: Names) -> None:
    assert found(names, "Data") == ["c1", "c2"]


def test_what_nobody_has_is_for_others_to_answer(names: Names) -> None:
    assert found(names, "nobody") == found(names, "db.nonet") == found(names, "") == []


def test_added_hosts_come_first(names: Names) -> None:
    assert [p.addresses for p in names.find("c9", "MAIL")] == [(IPv4Address("192.0.2.1"),)]


def test_a_link_alias_wins_over_a_name_and_is_private(names: Names) -> None:
    names.put("c8", View(sights=(sight("a", db="c2"),)), ())
    assert found(names, "db", "c8") == ["c2"]
    assert found(names, "db") == ["c1"]


def test_of_link_aliases_that_differ_in_case_the_one_typed_is_meant(names: Names) -> None:
    names.put("c8", View(sights=(sight("a", store="c1", STORE="c2"),)), ())
    assert found(names, "STORE", "c8") == ["c2"]
    assert found(names, "Store", "c8") == found(names, "store", "c8") == ["c1"]


def test_a_link_to_a_name_finds_whoever_comes(names: Names) -> None:
    names.put("c8", View(sights=(sight("a", q="queue"),)), ())
    assert found(names, "q", "c8") == []
    names.put("c4", View(), (presence(4, "a", "queue"),))
    assert found(names, "q", "c8") == ["c4"]


def test_out_of_reach_is_unknown_forwards_and_backwards(names: Names) -> None:
    names.put("c8", View(sights=(sight("a", reach=frozenset({"c2"})),)), ())
    assert found(names, "cache", "c8") == ["c2"]
    assert found(names, "db", "c8") == []
    assert names.reverse("c8", IPv4Address("10.0.0.2")) == ("cache.anet",)
    assert names.reverse("c8", IPv4Address("10.0.0.1")) == ()


def test_who_is_gone_is_nowhere(names: Names) -> None:
    assert names.drop("c1")
    assert found(names, "db") == ["c3"]
    assert found(names, "data") == ["c2"]
    assert not names.drop("c1")


def test_the_version_tells_of_changes_alone(names: Names) -> None:
    before = names.version
    names.put("c3", View(), (presence(3, "b", "db"),))
    assert names.version == before
    names.put("c3", View(), (presence(3, "b", "renamed"),))
    assert names.version > before
    assert found(names, "db.bnet") == []
