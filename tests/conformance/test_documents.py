"""What the users' documents show is what happens: every `$` line of their console blocks is run, in one shell on the
host of an engine, and must say what the block says. `…` stands for anything."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.engine import CLEAN_ENV, LAUNCHER, Engine
from testbed.registry import Registry

pytestmark = [pytest.mark.root, pytest.mark.clients]

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "<end of what this line says>"


def commands(text: str) -> Iterator[tuple[str, str]]:
    """(what is typed, what is shown)"""
    for block in _BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            typed = [lines.pop(0)]
            while lines and lines[0].startswith(">"):
                typed.append(lines.pop(0)[2:])
            yield "\n".join(typed), "\n".join(lines).strip("\n")


def said(engine: Engine, typed: list[str], home: Path) -> list[str]:
    """What each line printed, on both streams."""
    script = "".join(f"{{ {line}\n}} </dev/null 2>&1\necho '{_MARK}'\n" for line in typed)
    env = {
        **CLEAN_ENV, "PATH": f"{LAUNCHER.parent}:{CLEAN_ENV['PATH']}", "HOME": str(home),
        "FAIRLEAD_HOST": f"unix://{engine.socket}", "DOCKER_HOST": f"unix://{engine.socket}", "DOCKER_BUILDKIT": "0",
    }  # fmt: skip
    done = subprocess.run(
        [*engine.host.here.entry, "env", "-C", str(home), "bash"], input=script, env=env, text=True,
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    return [part.strip("\n") for part in done.stdout.split(f"{_MARK}\n")]


@pytest.fixture
def registry(shared_engine: Engine) -> Iterator[None]:
    """What images.md speaks of."""
    with Registry(shared_engine.host, shared_engine.root, 5000, basic=True):
        yield


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("name", ["linking", "building", "images", "install"])
def test_a_document_shows_what_happens(shared_engine: Engine, tmp_path: Path, name: str) -> None:
    shown = list(commands((DOCUMENTS / f"{name}.md").read_text()))
    assert shown
    found = said(shared_engine, [typed for typed, _ in shown], tmp_path)
    wrong = [
        f"$ {typed}\n{real}\n--- but the document says\n{expected}"
        for (typed, expected), real in zip(shown, found, strict=False)
        if not re.fullmatch(re.escape(expected).replace("…", ".*"), real, flags=re.DOTALL)
    ]
    assert not wrong, "\n".join(wrong)
    assert len(found) == len(shown) + 1
