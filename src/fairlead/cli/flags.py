"""Command-line flags as docker's clients take them (pflag): `-it`, `-p=x`, `--name x`, `--name=x`, `--`.

Flags are declared in one string per command: `name[,short]:kind`, kinds `bool`, `str`, `list`, `int`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


class UsageError(Exception):
    """The command line is wrong; the text is docker's."""

    def __init__(self, message: str, code: int = 125) -> None:
        super().__init__(message)
        self.code = code


class Help(Exception):
    """`--help` was asked for."""


class Given:
    """The flags of one command line: `given["name"]`; `given.has("name")` tells whether it was there."""

    def __init__(self, values: dict[str, Any], present: set[str], args: list[str]) -> None:
        self._values = values
        self._present = present
        self.args = args

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def has(self, name: str) -> bool:
        return name in self._present


_EMPTY: dict[str, Any] = {"bool": False, "str": "", "int": 0, "list": None}


def declare(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """(kind by name, name by short letter)."""
    kinds, shorts = {}, {}
    for item in text.split():
        name, _, kind = item.partition(":")
        name, _, short = name.partition(",")
        kinds[name] = kind or "bool"
        if short:
            shorts[short] = name
    return kinds, shorts


def parse(declared: str, argv: list[str], *, interspersed: bool = True) -> Given:
    """Raises UsageError with pflag's words, Help for `--help`. Not interspersed: flags end at the first argument."""
    kinds, shorts = declare(declared)
    values = {name: [] if kind == "list" else _EMPTY[kind] for name, kind in kinds.items()}
    present: set[str] = set()
    args: list[str] = []
    at = 0
    while at < len(argv):
        word = argv[at]
        at += 1
        if word == "--":
            args += argv[at:]
            break
        if len(word) < 2 or word[0] != "-":
            args.append(word)
            if not interspersed:
                args += argv[at:]
                break
        elif word.startswith("--"):
            at = _long(word, argv, at, kinds, values, present)
        else:
            at = _short(word, argv, at, kinds, shorts, values, present)
    return Given(values, present, args)


def _long(
    word: str, argv: list[str], at: int, kinds: dict[str, str], values: dict[str, Any], present: set[str]
) -> int:
    name, equals, value = word[2:].partition("=")
    if name == "help" and "help" not in kinds:
        raise Help
    if name not in kinds:
        raise UsageError(f"unknown flag: --{name}" if name else f"bad flag syntax: {word}")
    if not equals:
        if kinds[name] == "bool":
            value = "true"
        elif at < len(argv):
            value, at = argv[at], at + 1
        else:
            raise UsageError(f"flag needs an argument: --{name}")
    _set(name, f"--{name}", value, kinds, values, present)
    return at


def _short(
    word: str, argv: list[str], at: int, kinds: dict[str, str], shorts: dict[str, str],
    values: dict[str, Any], present: set[str],
) -> int:  # fmt: skip
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter not in shorts:
            if letter == "h":
                raise Help
            raise UsageError(f"unknown shorthand flag: '{letter}' in {word}")
        name = shorts[letter]
        shown = f"-{letter}, --{name}"
        if kinds[name] == "bool":
            if letters.startswith("="):
                _set(name, shown, letters[1:], kinds, values, present)
                return at
            _set(name, shown, "true", kinds, values, present)
            continue
        if letters:
            value = letters.removeprefix("=")
        elif at < len(argv):
            value, at = argv[at], at + 1
        else:
            raise UsageError(f"flag needs an argument: '{letter}' in {word}")
        _set(name, shown, value, kinds, values, present)
        return at
    return at


def _set(
    name: str, shown: str, value: str, kinds: dict[str, str], values: dict[str, Any], present: set[str]
) -> None:
    kind = kinds[name]
    present.add(name)
    if kind == "list":
        values[name].append(value)
    elif kind == "str":
        values[name] = value
    elif kind == "bool":
        if value not in _TRUE and value not in _FALSE:
            raise UsageError(_invalid(value, shown, f'strconv.ParseBool: parsing "{value}": invalid syntax'))
        values[name] = value in _TRUE
    else:
        try:
            values[name] = int(value)
        except ValueError:
            raise UsageError(_invalid(value, shown, f'strconv.ParseInt: parsing "{value}": invalid syntax')) from None


def _invalid(value: str, shown: str, why: str) -> str:
    return f'invalid argument "{value}" for "{shown}" flag: {why}'
