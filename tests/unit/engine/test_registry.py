"""Look-up, names and links of the container index, over a store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fairlead.engine.registry import Registry
from fairlead.errors import Conflict, InvalidParameter, NotFound
from fairlead.model.container import Config, Container, HostConfig, Link
from fairlead.store.containers import ContainerStore
from fairlead.store.database import Database

BIRTH = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(database: Database) -> ContainerStore:
    return ContainerStore(database)


@pytest.fixture
def registry(store: ContainerStore) -> Registry:
    return Registry(store)


def container(digit: str, name: str, *links: Link) -> Container:
    born = BIRTH + timedelta(seconds=int(digit[0], 16))
    return Container(
        id=(digit * 64)[:64], name=name, created=born, config=Config(), host_config=HostConfig(), links=links
    )


def link(source: Container, alias: str) -> Link:
    return Link(source.id, source.name, alias)


def test_lookup_by_id_name_slash_and_prefix(registry: Registry) -> None:
    web = container("a", "web")
    registry.add(web)
    for ref in (web.id, "web", "/web", "aaa"):
        assert registry.get(ref) is web


def test_a_name_beats_a_prefix(registry: Registry) -> None:
    registry.add(container("a", "web"))
    named = container("b", "aaa")
    registry.add(named)
    assert registry.get("aaa") is named


def test_what_lookup_says_of_nothing_nobody_and_two(registry: Registry) -> None:
    registry.add(container("ab", "one"))
    registry.add(container("ac", "two"))
    with pytest.raises(InvalidParameter, match="multiple IDs found with provided prefix: a"):
        registry.get("a")
    with pytest.raises(NotFound, match="No such container: x"):
        registry.get("x")
    with pytest.raises(InvalidParameter, match='invalid name or ID supplied: ""'):
        registry.get("")


def test_a_taken_name_is_a_conflict_and_free_after_removal(registry: Registry) -> None:
    web = container("a", "web")
    registry.add(web)
    with pytest.raises(Conflict, match=f'The container name "/web" is already in use by container "{web.id}"'):
        registry.reserve("web", "b" * 64)
    registry.remove(web)
    registry.reserve("web", "b" * 64)


def test_a_link_name_is_a_name_of_the_source(registry: Registry) -> None:
    db = container("a", "db")
    registry.add(db)
    registry.add(container("b", "alpha", link(db, "x")))
    assert registry.get("/alpha/x") is db
    assert registry.names(db) == ("/alpha/x", "/db")


def test_renaming_the_recipient_moves_the_link_name(registry: Registry) -> None:
    db = container("a", "db")
    web = container("b", "web", link(db, "db"))
    registry.add(db)
    registry.add(web)
    registry.save(replace(web, name="site"))
    assert registry.get("site/db") is db
    with pytest.raises(NotFound):
        registry.get("web/db")
    assert not registry.taken("web")


def test_a_renamed_source_keeps_its_links_and_takes_their_name_along(registry: Registry) -> None:
    db = container("a", "db")
    registry.add(db)
    registry.add(container("b", "web", link(db, "db")))
    registry.save(replace(db, name="data"))
    assert registry.get("web").links == (Link(db.id, "data", "db"),)


def test_a_link_follows_the_name_to_the_next_container(registry: Registry) -> None:
    old, other = container("a", "db"), container("c", "other")
    registry.add(old)
    registry.add(other)
    registry.add(container("b", "web", link(old, "db"), link(other, "other")))
    registry.remove(old)
    with pytest.raises(NotFound):
        registry.get("web/db")
    new = container("d", "db")
    registry.add(new)
    assert registry.get("web/db") is new
    assert registry.get("web").links == (link(new, "db"), link(other, "other"))


def test_a_removed_recipient_waits_for_nothing(registry: Registry) -> None:
    db = container("a", "db")
    web = container("b", "web", link(db, "db"))
    registry.add(db)
    registry.add(web)
    registry.remove(db)
    registry.remove(web)
    new = container("c", "db")
    registry.add(new)
    assert registry.names(new) == ("/db",)


def test_a_new_index_over_the_same_store_knows_the_same(store: ContainerStore) -> None:
    first = Registry(store)
    db = container("a", "db")
    first.add(db)
    first.add(container("b", "web", link(db, "db")))
    first.remove(db)
    again = Registry(store)
    again.load()
    new = container("c", "db")
    again.add(new)
    assert again.names(again.get("web/db")) == ("/db", "/web/db")
    assert [c.name for c in again] == ["web", "db"]
