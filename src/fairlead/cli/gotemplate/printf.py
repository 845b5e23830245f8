"""Go's fmt.Sprintf for the values a template can hold."""

from __future__ import annotations

from fairlead.cli.gotemplate import lex, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INTEGERS = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X", "c": "c"}
_KINDS = {"string": "string", "int": "int", "float64": "float64", "bool": "bool"}


def render(text: str, args: tuple[Any, ...]) -> str:
    out: list[str] = []
    at = used = 0
    while at < len(text):
        percent = text.find("%", at)
        if percent < 0:
            out.append(text[at:])
            break
        out.append(text[at:percent])
        flags, width, precision, at = _directive(text, percent + 1)
        if at >= len(text):
            out.append("%!(NOVERB)")
            break
        verb = text[at]
        at += 1
        if verb == "%":
            out.append("%")
        elif used >= len(args):
            out.append(f"%!{verb}(MISSING)")
        else:
            out.append(_field(verb, flags, width, precision, args[used]))
            used += 1
    if used < len(args):
        extra = ", ".join(f"{values.go_type(value)}={values.show(value)}" for value in args[used:])
        out.append(f"%!(EXTRA {extra})")
    return "".join(out)


def _directive(text: str, at: int) -> tuple[str, int, int | None, int]:
    start = at
    while text[at : at + 1] in tuple("+-# 0"):
        at += 1
    flags = text[start:at]
    start = at
    while text[at : at + 1].isdecimal():
        at += 1
    width = int(text[start:at] or 0)
    precision = None
    if text[at : at + 1] == ".":
        start = at = at + 1
        while text[at : at + 1].isdecimal():
            at += 1
        precision = int(text[start:at] or 0)
    return flags, width, precision, at


def _field(verb: str, flags: str, width: int, precision: int | None, value: Any) -> str:
    body = _body(verb, flags, precision, value)
    if "-" in flags:
        return body.ljust(width)
    if "0" in flags and isinstance(value, int | float) and verb not in "sqvT":
        return body.zfill(width)
    return body.rjust(width)


def _body(verb: str, flags: str, precision: int | None, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if verb == "v":
        return lex.quote(value) if "#" in flags and isinstance(value, str) else values.show(value, plus="+" in flags)
    if verb == "T":
        return values.go_type(value)
    if verb == "t" and isinstance(value, bool):
        return values.show(value)
    if verb in "sq" and not number and not isinstance(value, bool) and value is not None:
        return _text(verb, precision, value)
    if verb in "xX" and isinstance(value, str):
        digits = value.encode().hex()
        return digits.upper() if verb == "X" else digits
    if verb in _INTEGERS and isinstance(value, int) and number:
        return ("+" if "+" in flags and value >= 0 else "") + format(value, ("#" if "#" in flags else "") + verb)
    if verb == "q" and isinstance(value, int) and number:
        return f"'{chr(value)}'"
    if verb == "U" and isinstance(value, int) and number:
        return f"U+{value:04X}"
    if verb in "eEfFgG" and isinstance(value, float):
        if verb in "gG" and precision is None:
            return values.show_float(value)
        return format(value, f"{'+' if '+' in flags else ''}.{6 if precision is None else precision}{verb}")
    if value is None:
        return f"%!{verb}(<nil>)"
    return f"%!{verb}({values.go_type(value)}={values.show(value)})"


def _text(verb: str, precision: int | None, value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + " ".join(_body(verb, "", precision, item) for item in value) + "]"
    text = values.show(value)
    if precision is not None:
        text = text[:precision]
    return lex.quote(text) if verb == "q" else text
