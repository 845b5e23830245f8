from __future__ import annotations

import pytest

from fairlead.engine import listing
from fairlead.engine.registry import Registry
from fairlead.errors import InvalidParameter
from fairlead.model.container import Link
from fairlead.store.containers import ContainerStore
from fairlead.store.database import Database
from unit.engine.test_registry import container


@pytest.fixture
def registry(database: Database) -> Registry:
    made = Registry(ContainerStore(database))
    db = container("a", "db")
    made.add(db)
    made.add(container("b", "web", Link(db.id, "db", "database")))
    return made


def chosen(registry: Registry, **filters: str) -> list[str]:
    given = {name: [value] for name, value in filters.items()}
    selection = listing.Selection(
        given, registry, ancestor=lambda ref: ref, descends=str.startswith, health=lambda c: ""
    )
    return [c.name for c in registry if selection(listing.view(c, registry))]


def test_links_are_shown_with_the_sources_present_name(registry: Registry) -> None:
    assert listing.view(registry.get("web"), registry).links == ("/db:/web/database",)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"name": "w"}, ["web"]),
        ({"name": "^/?db$"}, ["db"]),
        ({"name": "database"}, []),
        ({"id": "a"}, ["db"]),
        ({"status": "created"}, ["db", "web"]),
        ({"status": "running"}, []),
        ({"before": "web"}, ["db"]),
        ({"since": "web/database"}, ["web"]),
        ({"label": "x"}, []),
        ({"health": "none"}, ["db", "web"]),
        ({"is-task": "true"}, []),
        ({"is-task": "false"}, ["db", "web"]),
        ({"publish": "80"}, []),
    ],
)
def test_filters(registry: Registry, filters: dict[str, str], names: list[str]) -> None:
    assert chosen(registry, **filters) == names


@pytest.mark.parametrize("filters", [{"status": "odd"}, {"exited": "x"}, {"publish": "a-b"}, {"health": "ill"},
                                     {"is-task": "maybe"}, {"expose": "x"}])
def test_filters_that_mean_nothing(registry: Registry, filters: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter, match="invalid filter"):
        chosen(registry, **filters)
