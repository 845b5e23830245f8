"""Logs on disk: lines, ends, and the files that a log has when it is kept in several."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.engine import logfile
from fairlead.model.container import LogConfig

TIME = "2026-01-02T03:04:05.678901234"


def line(text: str, stream: str = "stdout", tag: str = "F") -> bytes:
    return f"{TIME}+00:00 {stream} {tag} {text}".encode()


def test_lines_are_cut_into_their_parts() -> None:
    lines = [line("a b"), line("", "stderr"), line("half", tag="P"), b"no log line"]
    assert logfile.split(lines) == [
        (1, TIME.encode(), b"a b\n"), (2, TIME.encode(), b"\n"), (1, TIME.encode(), b"half"),
    ]  # fmt: skip


def test_times_compare_as_texts() -> None:
    assert logfile.stamp(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)) == b"2026-01-02T03:04:05.678901000"


def _tail(tmp_path: Path, wanted: int, *files: list[bytes]) -> list[bytes]:
    fds = []
    for number, lines in enumerate(files):
        path = tmp_path / str(number)
        path.write_bytes(b"".join(entry + b"\n" for entry in lines))
        fds.append(os.open(path, os.O_RDONLY))
    first, offset = logfile.tail(fds, wanted)
    os.lseek(fds[first], offset, os.SEEK_SET)
    found = [text for fd in fds[first:] for lines in logfile.Reader(fd).chunks() for _, _, text in logfile.split(lines)]
    for fd in fds:
        os.close(fd)
    return found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(0, []), (1, [b"5\n"]), (2, [b"4\n", b"5\n"]), (3, [b"3\n", b"4\n", b"5\n"]),
     (4, [b"2\n", b"3\n", b"4\n", b"5\n"]), (9, [b"1\n", b"2\n", b"3\n", b"4\n", b"5\n"])],
)  # fmt: skip
def test_the_end_reaches_back_over_files(tmp_path: Path, wanted: int, found: list[bytes]) -> None:
    files = [[line("1")], [line("2"), line("3")], [line("4"), line("5")]]
    assert _tail(tmp_path, wanted, *files) == found


def test_a_piece_of_a_line_is_no_line(tmp_path: Path) -> None:
    assert _tail(tmp_path, 1, [line("0"), line("a", tag="P"), line("b")]) == [b"a", b"b\n"]


def test_an_empty_present_file_leads_to_the_one_before(tmp_path: Path) -> None:
    assert _tail(tmp_path, 1, [line("1")], []) == [b"1\n"]


def _rotate(path: Path, text: str) -> None:
    """As conmon does: a new file in the place of the old one."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.rename(path)


def test_what_is_rotated_out_is_kept_in_order(tmp_path: Path) -> None:
    path = tmp_path / "container.log"
    path.write_text("1")
    logfile.keep(path, 3)
    fd = os.open(path, os.O_RDONLY)
    assert logfile.successor(path, fd) is None
    _rotate(path, "2")
    assert [file.read_text() for file in logfile.files(path)] == ["1", "2"]  # not yet put in order
    assert logfile.successor(path, fd) == path
    logfile.keep(path, 3)
    for text in ("3", "4"):
        _rotate(path, text)
        logfile.keep(path, 3)
    assert [file.read_text() for file in logfile.files(path)] == ["2", "3", "4"]
    assert logfile.successor(path, fd) == logfile.files(path)[0]  # what lay between is gone
    os.close(fd)
    logfile.keep(path, 3)
    assert [file.read_text() for file in logfile.files(path)] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        (LogConfig(), (0, 1)),
        (LogConfig("json-file", {"max-size": "10m", "max-file": "3"}), (10_000_000, 3)),
        (LogConfig("json-file", {"max-size": "1.5KB"}), (1500, 1)),
        (LogConfig("local"), (20_000_000, 5)),
        (LogConfig("local", {"max-size": "1k", "max-file": "1"}), (1000, 1)),
    ],
)
def test_limits(config: LogConfig, limits: tuple[int, int]) -> None:
    assert logfile.limits(config) == limits
