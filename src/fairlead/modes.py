"""Modes of files as chmod(1) takes them: octal, or symbolic (`u+x,go-w`, `a=rX`). Pure."""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_UMASK = 0o022
"""For clauses that name nobody: BuildKit's."""


def is_mode(text: str) -> bool:
    if re.fullmatch(r"[0-7]{1,5}", text):
        return int(text, 8) <= 0o7777
    return all(_CLAUSE.fullmatch(clause) for clause in text.split(","))


def apply(text: str, mode: int, *, directory: bool) -> int:
    """The permission bits after the change of `mode`."""
    if text[:1].isdigit():
        return int(text, 8)
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        assert match is not None
        who = match[1].replace("a", "ugo") or "ugo"
        for operation, what in _ACTION.findall(match[2]):
            bits = _bits(what, mode, directory=directory)
            mode = _changed(mode, who, operation, bits, 0 if match[1] else _UMASK)
    return mode


def _bits(what: str, mode: int, *, directory: bool) -> str:
    """`r`, `w`, `x`, `s`, `t`: X and copies of somebody's bits resolved."""
    if what in _SHIFTS:
        own = mode >> _SHIFTS[what]
        return "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if own & bit)
    return what.replace("X", "x" if directory or mode & 0o111 else "")


def _changed(mode: int, who: str, operation: str, bits: str, mask: int) -> int:
    chosen = scope = 0
    for name in set(who):
        shift = _SHIFTS[name]
        chosen |= sum(bit << shift for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in bits)
        scope |= 7 << shift
        if name in "ug":
            scope |= 0o4000 if name == "u" else 0o2000
            chosen |= (0o4000 if name == "u" else 0o2000) if "s" in bits else 0
        else:
            scope |= 0o1000
            chosen |= 0o1000 if "t" in bits else 0
    chosen &= ~mask
    if operation == "+":
        return mode | chosen
    if operation == "-":
        return mode & ~chosen
    return mode & ~scope | chosen
