"""The functions templates may call: Go's own and those the docker CLI adds."""

from __future__ import annotations

from fairlead.cli import jsontext
from fairlead.cli.gotemplate import values
from fairlead.cli.gotemplate.errors import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ARITY: dict[str, tuple[int, int | None]] = {
    "and": (1, None), "or": (1, None), "not": (1, 1), "len": (1, 1), "index": (1, None), "slice": (1, None),
    "print": (0, None), "printf": (1, None), "println": (0, None), "html": (0, None), "js": (0, None),
    "urlquery": (0, None), "eq": (1, None), "ne": (2, 2), "lt": (2, 2), "le": (2, 2), "gt": (2, 2), "ge": (2, 2),
    "call": (1, None), "json": (1, 1), "split": (2, 2), "join": (2, 2), "title": (1, 1), "lower": (1, 1),
    "upper": (1, 1), "pad": (3, 3), "truncate": (2, 2),
}  # fmt: skip


# What an argument must be, for the functions whose Go signature says so.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "split": ("string", "string"), "join": ("[]string", "string"), "title": ("string",), "lower": ("string",),
    "upper": ("string",), "pad": ("string", "int", "int"), "truncate": ("string", "int"), "printf": ("string",),
}  # fmt: skip


def arity(name: str) -> tuple[int, int | None]:
    """Fewest and most arguments (None: any number)."""
    return _ARITY[name]


def to_json(value: Any) -> str:
    """Compact JSON as Go's encoder without HTML escapes: maps sorted by key, structs in their order."""
    if isinstance(value, values.NoValue | values.NilList) or (isinstance(value, values.GoMap) and value.null):
        return "null"
    sort = isinstance(value, values.GoMap)
    if isinstance(value, values.Context):
        rows = {key: item for key, item in value.items() if not callable(item)}
        text = jsontext.dumps(rows, sort_keys=True)
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    if isinstance(value, values.GoMap) and any(isinstance(item, dict | list) for item in value.values()):
        return "{" + ",".join(f"{to_json(key)}:{to_json(value[key])}" for key in sorted(value)) + "}"
    return jsontext.dumps(value, sort_keys=sort)


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | tuple | dict):
        return len(value)
    if value is None or isinstance(value, values.NoValue):
        raise CallError("len of nil pointer")
    raise CallError(f"len of type {values.go_type(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if value is None or isinstance(value, values.NoValue):
            raise CallError("index of untyped nil")
        if isinstance(value, dict):
            if not isinstance(key, str):
                raise CallError(f"value has type {values.go_type(key)}; should be string")
            zero = value.zero if isinstance(value, values.GoMap) else values.NO_VALUE
            value = value.get(key, zero)
        elif isinstance(value, list | tuple | str):
            value = _element(value, key)
        else:
            raise CallError(f"can't index item of type {values.go_type(value)}")
    return value


def _element(value: Any, key: Any) -> Any:
    if not isinstance(key, int) or isinstance(key, bool):
        raise CallError(f"cannot index slice/array with type {values.go_type(key)}")
    items = value.encode() if isinstance(value, str) else value
    if not 0 <= key < len(items):
        raise CallError(f"index out of range: {key}")
    return items[key]


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | list | tuple):
        raise CallError(f"can't slice item of type {values.go_type(value)}")
    items: Any = value.encode() if isinstance(value, str) else value
    numbers = [0, len(items)]
    for at, bound in enumerate(bounds[:3]):
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise CallError(f"cannot index slice/array with type {values.go_type(bound)}")
        if not 0 <= bound <= len(items):
            raise CallError(f"index out of range: {bound}")
        if at < 2:
            numbers[at] = bound
    if numbers[0] > numbers[1]:
        raise CallError(f"invalid slice index: {numbers[0]} > {numbers[1]}")
    part = items[numbers[0] : numbers[1]]
    return part.decode(errors="replace") if isinstance(value, str) else part


def _print(*args: Any) -> str:
    out: list[str] = []
    for at, value in enumerate(args):
        if at and not isinstance(value, str) and not isinstance(args[at - 1], str):
            out.append(" ")
        out.append(values.show(value))
    return "".join(out)


def _println(*args: Any) -> str:
    return " ".join(values.show(value) for value in args) + "\n"


def _printf(text: Any, *args: Any) -> str:
    from fairlead.cli.gotemplate import printf

    return printf.render(_string(text), args)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "nil" if value is None or isinstance(value, values.NoValue) else "other"


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise CallError("missing argument for comparison")
    kind = _kind(first)
    for other in others:
        if kind == "other" or _kind(other) == "other":
            raise CallError("non-comparable type " + values.show(first if kind == "other" else other))
        if "nil" in (kind, _kind(other)):
            if kind == _kind(other):
                return True
            continue
        if "bool" in (kind, _kind(other)) and kind != _kind(other):
            raise CallError("incompatible types for comparison")
        if first == other or ("string" in (kind, _kind(other)) and values.show(first) == values.show(other)):
            return True
    return False


def _less(first: Any, second: Any) -> bool:
    kind = _kind(first)
    if kind in ("bool", "nil", "other"):
        raise CallError("invalid type for comparison")
    if kind != _kind(second):
        raise CallError("incompatible types for comparison")
    return bool(first < second)


def _less_or_equal(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, values.NoValue):
        raise CallError("invalid value; expected string")
    raise CallError(f"wrong type for value; expected string; got {values.go_type(value)}")


def _join(items: Any, separator: Any) -> str:
    if not isinstance(items, list | tuple):
        raise CallError(f"wrong type for value; expected []string; got {values.go_type(items)}")
    return _string(separator).join(values.show(item) for item in items)


def _title(text: Any) -> str:
    out = list(_string(text))
    for at, char in enumerate(out):
        if at == 0 or not (out[at - 1].isalnum() or out[at - 1] in "_'"):
            out[at] = char.upper() if len(char.upper()) == 1 else char
    return "".join(out)


def _truncate(text: Any, length: Any) -> str:
    return _string(text) if len(_string(text)) < length else _string(text)[:length]


def _pad(text: Any, before: Any, after: Any) -> str:
    return " " * before + _string(text) + " " * after if text else ""


def _html(*args: Any) -> str:
    text = _print(*args)
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        text = text.replace(plain, escaped)
    return text


def _urlquery(*args: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_print(*args))


def _js(*args: Any) -> str:
    text = _print(*args).replace("\\", "\\\\")
    for plain, escaped in (
        ("'", "\\'"),
        ('"', '\\"'),
        ("<", "\\u003C"),
        (">", "\\u003E"),
        ("&", "\\u0026"),
        ("=", "\\u003D"),
    ):
        text = text.replace(plain, escaped)
    return "".join(char if char >= " " else f"\\u{ord(char):04X}" for char in text)


def _call(function: Any, *_args: Any) -> Any:
    raise CallError(f"non-function of type {values.go_type(function)}")


TABLE: dict[str, Callable[..., Any]] = {
    "and": _call, "or": _call, "not": lambda value: not values.truth(value), "len": _length, "index": _index,
    "slice": _slice, "print": _print, "printf": _printf, "println": _println, "html": _html, "js": _js,
    "urlquery": _urlquery, "eq": _equal, "ne": lambda a, b: not _equal(a, b), "lt": _less, "le": _less_or_equal,
    "gt": lambda a, b: not _less_or_equal(a, b), "ge": lambda a, b: not _less(a, b), "call": _call, "json": to_json,
    "split": lambda text, separator: _string(text).split(separator) if separator else list(_string(text)),
    "join": _join, "title": _title, "lower": lambda text: _string(text).lower(),
    "upper": lambda text: _string(text).upper(), "pad": _pad, "truncate": _truncate,
}  # fmt: skip


def _same(value: Any, *_: Any) -> Any:
    return value if isinstance(value, str) else ""


HEADINGS: dict[str, Callable[..., Any]] = {
    **TABLE, "json": _same, "split": _same, "join": _same, "title": _same, "lower": _same, "upper": _same,
    "truncate": _same,
}  # fmt: skip
"""As TABLE, for the heading of a table: what shapes a value leaves a column's title alone."""
