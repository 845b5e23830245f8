"""What a client imports is most of the time it takes: the common verbs keep to the cheap half of the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "src"
DEAR = ("argparse", "asyncio", "collections", "datetime", "enum", "functools", "http", "inspect", "json", "os",
        "pathlib", "re", "shutil", "signal", "socket", "subprocess", "tempfile", "typing", "urllib")  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("ps",), ("ps", "-a", "--no-trunc"), ("images",), ("run", "box", "true"), ("run", "-d", "box"), ("start", "x"),
        ("stop", "x"), ("rm", "-f", "x"), ("exec", "x", "true"), ("logs", "x"), ("inspect", "x"),
        ("__complete", "bash", "fairlead stop ", "=:"), ("__complete", "bash", "fairlead run --net", "=:"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_common_verb_imports_nothing_dear(words: tuple[str, ...]) -> None:
    script = (
        f"import sys; sys.path.append({str(SOURCE)!r}); from fairlead.cli.main import main\n"
        f"code = main({['-H', 'unix:///nowhere', *words] if words[0] != '__complete' else list(words)!r})\n"
        "print('|', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-ISc", script], capture_output=True, text=True, check=True,
        env={"HOME": "/nonexistent", "FAIRLEAD_HOST": "unix:///nowhere"},
    )  # fmt: skip
    assert set(DEAR) & set(done.stdout.rpartition("|")[2].split()) == set()
