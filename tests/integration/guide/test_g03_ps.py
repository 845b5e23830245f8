"""G3: `ps NAME…`, `ps -l`, and link names in the NAMES column."""

from __future__ import annotations

import pytest

from testbed.engine import Engine
from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_ps_with_names_shows_just_these(shared_engine: Engine) -> None:
    for name in ("one", "two", "three"):
        shared_engine.do("run", "-d", "--name", name, "box", "sleep", "60")
    assert set(shared_engine.do("ps", "one", "three", "--format", "{{.Names}}").split()) == {"one", "three"}


def test_ps_l_shows_the_newest_created_though_it_never_ran(guide: Guide) -> None:
    guide.do("run", "-d", "--name", "older", "box", "sleep", "60")
    guide.do("create", "--name", "newest", "box", "true")
    assert guide.lines("ps", "-l", "--format", "{{.Names}} {{.Status}}") == ["newest Created"]


def test_names_column_lists_link_names_when_not_truncated(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db")
    names = dict(line.split(" ", 1) for line in guide.lines("ps", "--no-trunc", "--format", "{{.Image}} {{.Names}}"))
    assert names["training/postgres"].split(",") == ["db", "web/db"]
    assert names["training/webapp"] == "web"
    assert sorted(guide.lines("ps", "--format", "{{.Names}}")) == ["db", "web"]


def test_the_table_has_dockers_columns(guide: Guide) -> None:
    container_id = guide.run_web("-p", "80:5000")
    heading, row = guide.lines("ps")
    assert heading.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert row.startswith(container_id[:12])
    assert '"python app.py"' in row
    assert "0.0.0.0:80->5000/tcp, [::]:80->5000/tcp" in row
