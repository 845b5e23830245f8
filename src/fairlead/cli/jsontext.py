"""JSON through the C codec alone: `import json` draws in `re`, which costs a client as much as the request itself."""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_SPACES = " \t\r\n"


class _Scanning:
    """What the C scanner wants to know."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__
    memo: dict[str, str] = {}  # noqa: RUF012  the scanner keeps its keys here


_scan: Any = _json.make_scanner(_Scanning())  # type: ignore[arg-type]


def loads(text: str | bytes) -> Any:
    """The value of the text; ValueError if it is not JSON from end to end."""
    if isinstance(text, bytes):
        text = text.decode()
    value, at = _next(text, 0)
    if text[at:].strip(_SPACES):
        raise ValueError("trailing data after JSON")
    return value


def values(text: str) -> tuple[list[Any], str]:
    """The complete values at the head of a stream's text, and what is left of it."""
    found = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        if end < 0:
            break
        line = text[at:end].strip(_SPACES)
        if line:
            found.append(loads(line))
        at = end + 1
    return found, text[at:]


def _next(text: str, at: int) -> tuple[Any, int]:
    while at < len(text) and text[at] in _SPACES:
        at += 1
    try:
        value, end = _scan(text, at)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    return value, end


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Compact JSON, characters beyond ASCII as they are."""
    encode: Any = _json.make_encoder({}, _refuse, _json.encode_basestring, None, ":", ",", sort_keys, False, False)
    return "".join(encode(value, 0))


def pretty(value: Any, indent: int = 4, level: int = 0) -> str:
    """Indented JSON, as docker prints an inspected object."""
    inner, outer = "\n" + " " * (indent * (level + 1)), "\n" + " " * (indent * level)
    if isinstance(value, dict) and value:
        parts = [f"{dumps(key)}: {pretty(item, indent, level + 1)}" for key, item in value.items()]
        return "{" + inner + f",{inner}".join(parts) + outer + "}"
    if isinstance(value, list) and value:
        return "[" + inner + f",{inner}".join(pretty(item, indent, level + 1) for item in value) + outer + "]"
    return dumps(value)


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON")
