"""The house rules that a machine can check: linters, types, arrows, budgets, and documents that keep up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
BIN = Path(sys.executable).parent

FILE_HARD, FILE_BUDGET = 600, 400
FUNCTION_HARD, FUNCTION_BUDGET = 60, 40
OVER_BUDGET_SHARE = 0.03
"""Of all files or functions, so many may lie between budget and hard limit."""


def _run(*argv: str) -> None:
    done = subprocess.run([str(BIN / argv[0]), *argv[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing() -> None:
    _run("ruff", "check", "--no-fix", ".")


def test_types_are_whole() -> None:
    _run("mypy")


def test_imports_follow_the_arrows() -> None:
    _run("lint-imports")


def test_files_stay_within_their_budget() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in sizes.items() if lines > FILE_HARD} == {}
    over = {name: lines for name, lines in sizes.items() if lines > FILE_BUDGET}
    assert len(over) <= OVER_BUDGET_SHARE * len(sizes), over


def test_functions_stay_within_their_budget() -> None:
    lengths = dict(_functions())
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_HARD} == {}
    over = {name: lines for name, lines in lengths.items() if lines > FUNCTION_BUDGET}
    assert len(over) <= OVER_BUDGET_SHARE * len(lengths), over


def _functions() -> Iterator[tuple[str, int]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                yield f"{path.relative_to(ROOT).as_posix()}:{node.name}", node.end_lineno - node.lineno + 1


def test_every_module_says_what_it_owns() -> None:
    silent = [path for path in SOURCES if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_code_map_of_the_architecture_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "code-map"), "--check"], check=False)
    assert done.returncode == 0, "run scripts/code-map"


def test_architecture_names_no_module_that_is_gone() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+\.py)`", text)
    gone = [name for name in named if not (ROOT / "src" / "fairlead" / name).exists() and not (ROOT / name).exists()]
    assert gone == []


def test_no_room_is_called_utils() -> None:
    unwanted = {"utils", "helpers", "common", "core", "base", "misc", "manager", "types"}
    assert [path for path in SOURCES if path.stem in unwanted or unwanted & set(path.relative_to(ROOT).parts)] == []


def test_versions_are_locked_exactly() -> None:
    lines = (ROOT / "requirements-dev.lock").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in packages if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_no_line_points_to_the_machine_it_was_written_on() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parent = str(ROOT.parent) + "/"
    found = []
    for name in filter(None, tracked.split("\0")):
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if len(parent) > 3 and parent.encode() in data:
            found.append(name)
    assert found == []
