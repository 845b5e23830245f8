"""`fairlead link ls`: who may reach whom, and what is in the way."""

from __future__ import annotations

import pytest

from testbed.engine import Engine
from testbed.guide import Guide

pytestmark = pytest.mark.root


def rows(guide: Guide) -> list[list[str]]:
    """Cells of the table; columns are three blanks apart."""
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in guide.lines("link", "ls")[1:]]


def test_a_link_is_listed_with_its_ports_and_what_is_in_the_way(shared_engine: Engine) -> None:
    guide = Guide(shared_engine, shared_engine.client("fairlead"))
    guide.run_db("db", "--expose", "53/udp")
    guide.run_web("--link", "db:webdb")
    assert rows(guide) == [["web", "webdb", "db", "53/udp, 5432/tcp", "up"]]
    guide.do("stop", "-t", "0", "db")
    assert rows(guide) == [["web", "webdb", "db", "53/udp, 5432/tcp", "source stopped"]]
    guide.do("rm", "db")
    assert rows(guide) == [["web", "webdb", "db", "source gone"]]
    guide.run_db()
    assert rows(guide) == [["web", "webdb", "db", "5432/tcp", "up"]]
    guide.do("stop", "-t", "0", "web")
    assert rows(guide) == [["web", "webdb", "db", "5432/tcp", "recipient stopped"]]
    guide.do("start", "web")
    assert guide.reach("web", "webdb")
    assert guide.do("link", "rm", "/web/webdb") == "/web/webdb"
    assert rows(guide) == []
    assert guide.reach("web", guide.engine.address("db")) == ""
    assert "No such container: web/webdb" in guide.attempt("link", "rm", "web/webdb").err
