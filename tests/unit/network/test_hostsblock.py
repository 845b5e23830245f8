"""Our lines in the host's hosts file, and the file as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.network import hostsblock

ME, OTHER = "0a0b0c0d", "ffffffff"


def test_lines_come_at_the_end() -> None:
    assert hostsblock.put(b"127.0.0.1 localhost\n", ME, ["172.17.0.2\tdb.fairlead"]).decode() == (
        "127.0.0.1 localhost\n"
        "# fairlead 0a0b0c0d: begin of what the daemon writes\n"
        "172.17.0.2\tdb.fairlead\n"
        "# fairlead 0a0b0c0d: end\n"
    )


def test_what_was_written_behind_the_block_stays_there() -> None:
    data = hostsblock.put(b"one\n", ME, ["a"]) + b"two\n"
    changed = hostsblock.put(data, ME, ["b"])
    assert changed.startswith(b"one\n# fairlead")
    assert changed.endswith(b"end\ntwo\n")
    assert hostsblock.put(changed, ME, []) == b"one\ntwo\n"


def test_a_line_without_end_keeps_apart_from_what_came_behind_the_block() -> None:
    data = hostsblock.put(b"one", ME, ["a"]) + b"two\n"
    assert hostsblock.put(data, ME, []) == b"one\ntwo\n"


@given(st.binary(), st.lists(st.sampled_from(["1 a", "2 b", "::1 c"])), st.lists(st.sampled_from(["3 d", "4 e"])))
def test_the_file_is_as_it_was_once_the_lines_are_gone(data: bytes, first: list[str], second: list[str]) -> None:
    both = hostsblock.put(hostsblock.put(data, ME, first), OTHER, second)
    assert hostsblock.put(hostsblock.put(both, OTHER, []), ME, []) == data
    again = hostsblock.put(hostsblock.put(data, ME, first), ME, second)
    assert again == hostsblock.put(data, ME, second)
    assert hostsblock.put(again, ME, []) == data


def test_owner_and_mode_stay(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(b"\xff\xfe bytes of nobody\n")
    path.chmod(0o640)
    hostsblock.update(path, ME, ["1 a"])
    assert (path.stat().st_mode & 0o777, path.stat().st_uid) == (0o640, os.getuid())
    hostsblock.update(path, ME, [])
    assert path.read_bytes() == b"\xff\xfe bytes of nobody\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["hosts"]


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x\n")
    (tmp_path / "hosts").symlink_to("real")
    hostsblock.update(tmp_path / "hosts", ME, ["1 a"])
    assert (tmp_path / "hosts").is_symlink()
    assert "1 a\n" in (tmp_path / "real").read_text()


def test_without_lines_a_file_is_not_missed_and_not_touched(tmp_path: Path) -> None:
    hostsblock.update(tmp_path / "nosuch", ME, [])
    (tmp_path / "hosts").write_text("x\n")
    before = (tmp_path / "hosts").stat()
    hostsblock.update(tmp_path / "hosts", ME, [])
    assert (tmp_path / "hosts").stat() == before


@pytest.mark.parametrize("torn", [b"# fairlead 0a0b0c0d: begin of what the daemon writes\n1 a\n", b"\n"])
def test_a_block_that_somebody_tore_is_left_alone(torn: bytes) -> None:
    assert hostsblock.put(torn, ME, []) == torn


_HAMMER = """
import sys
from pathlib import Path
from fairlead.network import hostsblock
path, me, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.read(1)
for number in range(1, rounds + 1):
    lines = [f"10.0.0.{n}\\tc{n}.{me}" for n in range(number % 50)]
    while not hostsblock.update(path, me, lines):
        pass
    data = path.read_bytes()
    assert data.startswith(b"127.0.0.1 localhost\\n") and data.endswith(b"\\n"), data
    assert hostsblock.put(data, me, lines) == data, (lines, data)
while not hostsblock.update(path, me, [f"10.0.0.1\\tlast.{me}"]):
    pass
"""


def test_daemons_that_write_at_the_same_time_lose_no_block(tmp_path: Path) -> None:
    path, names = tmp_path / "hosts", ["aaaaaaaa", "bbbbbbbb", "cccccccc"]
    path.write_text("127.0.0.1 localhost\n")
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _HAMMER, str(path), name, "100"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for name in names
        ]  # fmt: skip
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("!")
            writer.stdin.flush()
        assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    left = path.read_bytes()
    for name in names:
        assert f"10.0.0.1\tlast.{name}".encode() in left
        left = hostsblock.put(left, name, [])
    assert left == b"127.0.0.1 localhost\n"
    assert list(tmp_path.iterdir()) == [path]
