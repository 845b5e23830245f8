"""JSON as Go's decoder reads it.

A surrogate without its other half is U+FFFD: in Python it would be a character that no answer can be written with.
Whatever cannot be read is a ValueError, also what nests too deep.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DECODER = json.JSONDecoder(strict=False)


def loads(text: str | bytes) -> Any:
    """The one value in `text`."""
    whole = text.decode(errors="replace") if isinstance(text, bytes) else text
    value, end = first(whole, len(whole) - len(whole.lstrip()))
    if whole[end:].strip():
        raise ValueError("unexpected content after JSON")
    return value


def first(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        return (_mended(value) if _SURROGATE.search(text) else value), end
    except RecursionError:
        raise ValueError("exceeded max depth") from None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value
