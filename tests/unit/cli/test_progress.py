"""Progress messages as docker writes them."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from typing import Any, TextIO

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


class Screen:
    """A terminal of a few rows: what a user sees of what was written to it."""

    def __init__(self, rows: int, columns: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.out: TextIO = os.fdopen(slave, "w", encoding="utf-8", newline="")
        self._rows, self._columns = rows, columns

    def written(self) -> str:
        """All there was, up to a mark of our own."""
        self.out.write("\0")
        self.out.flush()
        data = b""
        while not data.endswith(b"\0"):
            data += os.read(self._master, 1 << 16)
        return data[:-1].decode()

    def lines(self) -> list[str]:
        """Plays what was written; the part of it that is on the screen."""
        cells: list[list[str]] = [[]]
        row = column = top = 0
        for part in re.findall(r"\x1b\[(\d*)([ABK])|([^\x1b])", self.written()):
            number, command, letter = part
            top = max(0, len(cells) - self._rows)
            if command in ("A", "B"):
                row = min(max(row + int(number) * (-1 if command == "A" else 1), top), top + self._rows - 1)
            elif command == "K":
                del cells[row][column:]
            elif letter == "\r":
                column = 0
            elif letter == "\n" or column == self._columns:
                row, column = row + 1, 0
            if len(cells) <= row:
                cells += [[] for _ in range(row - len(cells) + 1)]
            if letter not in ("", "\r", "\n"):
                cells[row] += " " * (column - len(cells[row]))
                cells[row][column : column + 1] = [letter]
                column += 1
        return ["".join(line).rstrip() for line in cells[max(0, len(cells) - self._rows) :]]

    def close(self) -> None:
        self.out.close()
        os.close(self._master)


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen(6, 60)
    yield made
    made.close()


def _layer(identifier: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    return {"id": identifier, "status": status, "progressDetail": {"current": current, "total": total}}


def test_layers_side_by_side_each_have_their_line(screen: Screen) -> None:
    messages = [
        {"status": "Pulling from library/x", "id": "latest"},
        _layer("aaa", "Pulling fs layer"), _layer("bbb", "Pulling fs layer"),
        _layer("bbb", "Downloading", 50, 100), _layer("aaa", "Downloading", 10, 100),
        _layer("aaa", "Pull complete"),
    ]  # fmt: skip
    progress.show(messages, screen.out, terminal=True)
    assert screen.lines() == [
        "latest: Pulling from library/x", "aaa: Pull complete", "bbb: Downloading      50B/100B", "",
    ]  # fmt: skip


def test_a_line_wider_than_the_terminal_does_not_put_the_others_off(screen: Screen) -> None:
    messages = [_layer("aaa", "x" * 100), _layer("bbb", "y"), _layer("aaa", "z" * 100), _layer("bbb", "done")]
    progress.show(messages, screen.out, terminal=True)
    assert screen.lines() == [("aaa: " + "z" * 100)[:59], "bbb: done", ""]


def test_layers_that_have_left_the_screen_are_left_alone(screen: Screen) -> None:
    names = [f"l{number}" for number in range(9)]
    messages = [_layer(name, "wait") for name in names] + [_layer(name, "done") for name in names]
    progress.show(messages, screen.out, terminal=True)
    assert screen.lines() == [*(f"{name}: done" for name in names[-5:]), ""]


def test_a_bar_is_as_long_as_what_is_done() -> None:
    assert progress._bar({"current": 50, "total": 100}, 120) == f"[{'=' * 25}>{' ' * 25}]      50B/100B"
    assert progress._bar({"current": 150, "total": 100}, 120) == f"[{'=' * 50}>]     150B"
    assert progress._bar({"current": 3, "total": 7, "units": "files"}, 80) == "3/7 files"


def test_what_is_sent_is_told_on_a_terminal_and_wiped_at_the_end(screen: Screen) -> None:
    sending = progress.Sending([b"x" * 1000], "Sending archive", screen.out, total=2000)
    pieces = iter(sending)
    next(pieces)
    assert list(pieces) == []
    assert screen.written() == "\rSending archive  1kB/2kB\x1b[K\r\x1b[K"
    assert sending.size == 1000


def test_what_is_sent_is_no_concern_of_a_file() -> None:
    out = io.StringIO()
    assert list(progress.Sending([b"a", b"b"], "Sending archive", out)) == [b"a", b"b"]
    assert out.getvalue() == ""
