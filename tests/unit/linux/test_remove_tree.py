"""Trees are removed whole, also from under somebody who is still writing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fairlead.linux import files

WRITER = 'while [ $i -lt 200 ] && [ -d "$1" ]; do true >"$1/exec/$i"; i=$((i+1)); done'


def test_what_is_not_there_is_fine(tmp_path: Path) -> None:
    files.remove_tree(tmp_path / "nothing")


@pytest.mark.parametrize("_", range(5))
def test_a_tree_somebody_writes_into_goes_all_the_same(tmp_path: Path, _: int) -> None:
    tree = tmp_path / "tree"
    (tree / "exec").mkdir(parents=True)
    with subprocess.Popen(["sh", "-c", f"i=0; {WRITER}", "sh", str(tree)], stderr=subprocess.DEVNULL) as writer:
        try:
            while not any((tree / "exec").iterdir()):
                assert writer.poll() is None
            files.remove_tree(tree)
            assert not tree.exists()
        finally:
            writer.kill()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    files.remove_tree(tmp_path / "tree")
    assert (tmp_path / "kept").is_dir()
