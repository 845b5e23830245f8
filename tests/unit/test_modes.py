from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fairlead import modes

TEXTS = [
    "755", "0644", "4755", "u+x", "go-w", "u+x,go-w", "a=rX", "u=rwX,go=rX", "+x", "+w", "-w", "=r", "g=u", "o=g",
    "u+s", "g+s", "a-x", "u=", "go=", "a+rwx,o-rwx", "u+x-w", "ug+rw,o=",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("before", [0o644, 0o755, 0o600, 0o640, 0o777])
def test_files_get_the_mode_that_chmod_gives_them(text: str, before: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(before)
    subprocess.run(["sh", "-c", 'umask 022; chmod -- "$1" "$2"', "sh", text, str(file)], check=False)
    assert modes.is_mode(text)
    assert oct(modes.apply(text, before, directory=False)) == oct(file.stat().st_mode & 0o7777)


def test_directories_are_always_to_be_entered_by_capital_x() -> None:
    assert modes.apply("a=rX", 0o600, directory=True) == 0o555
    assert modes.apply("a=rX", 0o600, directory=False) == 0o444


@pytest.mark.parametrize("text", ["", "8", "77777", "10000", "u", "u+q", "u+x,", "x", "rwx", "u+x go-w", "+ug"])
def test_what_is_no_mode(text: str) -> None:
    assert not modes.is_mode(text)
