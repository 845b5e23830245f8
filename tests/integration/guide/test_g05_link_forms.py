"""G5: the forms of --link, and how inspect shows them."""

from __future__ import annotations

import pytest

from testbed.guide import Guide

pytestmark = pytest.mark.root

LINKS = "{{ .HostConfig.Links }}"


def test_inspect_shows_the_link_as_the_guide_prints_it(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    assert guide.do("inspect", "-f", LINKS, "web") == "[/db:/web/db]"


def test_the_alias_is_the_name_where_none_is_given(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db")
    assert guide.do("inspect", "-f", LINKS, "web") == "[/db:/web/db]"
    assert "postgres" in guide.reach("web", "db")


@pytest.mark.parametrize("length", [64, 12], ids=["id", "prefix"])
def test_a_source_may_be_named_by_id(guide: Guide, length: int) -> None:
    container_id = guide.run_db()
    guide.run_web("--link", f"{container_id[:length]}:webdb")
    assert guide.do("inspect", "-f", LINKS, "web") == "[/db:/web/webdb]"
    assert "postgres" in guide.reach("web", "webdb")


def test_several_links_and_several_aliases_of_one_source(guide: Guide) -> None:
    guide.run_db()
    guide.run_db("cache")
    guide.run_web("--link", "db:db", "--link", "db:main", "--link", "cache:cache")
    shown = guide.do("inspect", "-f", LINKS, "web").strip("[]").split()
    assert sorted(shown) == ["/cache:/web/cache", "/db:/web/db", "/db:/web/main"]
    main, db, cache = (guide.reach("web", alias) for alias in ("main", "db", "cache"))
    assert main == db != cache
    assert all((main, db, cache))


def test_what_inspect_shows_may_be_given_again(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "/db:/web/db")
    assert guide.do("inspect", "-f", LINKS, "web") == "[/db:/web/db]"
