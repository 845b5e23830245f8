"""A program in sealed memory: it runs, and nobody can change it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead.linux import process
from fairlead.runtime import sealed


def test_the_copy_runs_and_cannot_be_written() -> None:
    async def ask() -> tuple[bytes, str]:
        copy = await sealed.copy("/bin/echo")
        assert copy is not None
        try:
            with pytest.raises(OSError), Path(copy.path).open("r+b") as file:
                file.write(b"x")
            return (await process.run([copy.path, "still", "here"])).stdout, copy.path
        finally:
            copy.close()

    said, path = asyncio.run(ask())
    assert said == b"still here\n"
    assert not Path(path).exists()


def test_what_cannot_be_copied_or_does_not_run_is_left_where_it_is(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("no program")
    assert asyncio.run(sealed.copy(str(broken))) is None
    assert asyncio.run(sealed.copy(str(tmp_path / "absent"))) is None
