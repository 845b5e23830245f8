"""Progress messages as docker writes them."""

from __future__ import annotations

import io
from typing import Any

import pytest

from fairlead.cli import progress

MESSAGES: list[dict[str, Any]] = [
    {"stream": "Step 1/2 : FROM x\n"},
    {"status": "Pulling from library/x", "id": "latest"},
    {"status": "Downloading", "id": "abc", "progressDetail": {"current": 10, "total": 100}},
    {"status": "Pull complete", "id": "abc", "progressDetail": {}},
    {"aux": {"ID": "sha256:77"}},
]


def test_lines_without_a_terminal() -> None:
    out, aux = io.StringIO(), list[Any]()
    progress.show(MESSAGES, out, terminal=False, aux=aux.append)
    assert out.getvalue() == "Step 1/2 : FROM x\nlatest: Pulling from library/x\nabc: Pull complete\n"
    assert aux == [{"ID": "sha256:77"}]


def test_a_terminal_rewrites_the_line_of_a_layer() -> None:
    out = io.StringIO()
    progress.show(MESSAGES, out, terminal=True)
    assert "abc: Downloading" in out.getvalue()
    assert out.getvalue().endswith("\x1b[1A\rabc: Pull complete\x1b[K\r\x1b[1B")


def test_an_error_ends_it() -> None:
    with pytest.raises(progress.ProgressError, match="returned a non-zero code: 7") as failure:
        progress.show(
            [{"errorDetail": {"code": 7, "message": "returned a non-zero code: 7"}, "error": "x"}],
            io.StringIO(),
            terminal=False,
        )
    assert failure.value.code == 7
