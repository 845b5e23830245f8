"""The client's JSON equals the library's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fairlead
from fairlead.cli import jsontext

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_there_and_back(value: object) -> None:
    assert jsontext.dumps(value) == json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert jsontext.pretty(value) == json.dumps(value, indent=4, ensure_ascii=False)
    assert jsontext.loads(f" {jsontext.dumps(value)}\n") == value


@pytest.mark.parametrize("text", ["", "{", "[1,]", "1 2", '{"a"', '"x', "nul", '{"a":1}x'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsontext.loads(text)


def test_a_stream_gives_its_whole_values_and_keeps_the_rest() -> None:
    assert jsontext.values('{"a":1}\r\n\n[2]\n{"b"') == ([{"a": 1}, [2]], '{"b"')


def test_sending_a_build_context_needs_no_costly_module(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    source = Path(fairlead.__file__).parent.parent
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "from fairlead.cli import context\nfrom fairlead.cli.commands import build\n"
        f"assert b'FROM' in b''.join(context.from_directory({str(tmp_path)!r}, '', sys.stdin.buffer).chunks)\n"
        "print(sorted({'re', 'typing', 'enum', 'json', 'dataclasses', 'pathlib', 'tarfile'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"


def test_lists_need_no_costly_module() -> None:
    """What `ps` imports stays small: `re`, `typing`, `enum` and `json` would each cost milliseconds."""
    source = Path(fairlead.__file__).parent.parent
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "from fairlead.cli import jsontext\nfrom fairlead.cli.listings import containers\n"
        "containers.show([])\n"
        "print(sorted({'re', 'typing', 'enum', 'json', 'dataclasses', 'pathlib'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"
