"""Command-line flags as docker's clients take them (pflag): `-it`, `-p=x`, `--name x`, `--name=x`, `--`.

A command declares itself as a `Verb`; `parse` gives `Options`, or raises `UsageError` with pflag's words.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


class Flag:
    """One flag of a command. Kinds: bool, str, list, int."""

    __slots__ = ("default", "help", "kind", "name", "short")

    def __init__(self, kind: str, name: str, short: str, default: Any, help: str) -> None:
        self.kind = kind
        self.name = name
        self.short = short
        self.default = default
        self.help = help


def boolean(name: str, short: str = "", *, default: bool = False, help: str = "") -> Flag:
    return Flag("bool", name, short, default, help)


def text(name: str, short: str = "", *, default: str = "", help: str = "") -> Flag:
    return Flag("str", name, short, default, help)


def items(name: str, short: str = "", *, help: str = "") -> Flag:
    return Flag("list", name, short, None, help)


def number(name: str, short: str = "", *, default: int = 0, help: str = "") -> Flag:
    return Flag("int", name, short, default, help)


class Verb:
    """A command: its usage line, what it does, how many arguments it takes (least, most or None), its flags."""

    __slots__ = ("about", "count", "flags", "interspersed", "usage")

    def __init__(
        self, usage: str, about: str, count: tuple[int, int | None], *flags: Flag, interspersed: bool = True
    ) -> None:
        self.usage = usage
        self.about = about
        self.count = count
        self.flags = flags
        self.interspersed = interspersed

    @property
    def name(self) -> str:
        """`run`, `image prune`: the words of the usage line before the first argument."""
        words = []
        for word in self.usage.split():
            if not word.islower() or "|" in word:
                break
            words.append(word)
        return " ".join(words)


class UsageError(Exception):
    """The command line is wrong; the text is docker's. `code` is docker's exit code for it."""

    def __init__(self, verb: Verb | None, message: str, code: int = 125) -> None:
        super().__init__(message)
        self.verb = verb
        self.code = code


class Help(Exception):
    """`--help` was asked for."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb.usage)
        self.verb = verb


class Options:
    """What a command line says: `options["name"]`, `options.given("name")`, `options.args`."""

    def __init__(self, values: dict[str, Any], present: set[str], args: list[str]) -> None:
        self._values = values
        self._present = present
        self.args = args

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def given(self, name: str) -> bool:
        """Whether the flag was there, whatever its value."""
        return name in self._present


class _Parser:
    def __init__(self, verb: Verb) -> None:
        self.verb = verb
        self.flags = {flag.name: flag for flag in verb.flags}
        self.shorts = {flag.short: flag for flag in verb.flags if flag.short}
        self.values: dict[str, Any] = {f.name: [] if f.kind == "list" else f.default for f in verb.flags}
        self.present: set[str] = set()

    def run(self, argv: list[str]) -> list[str]:
        args: list[str] = []
        at = 0
        while at < len(argv):
            word = argv[at]
            at += 1
            if word == "--":
                return args + argv[at:]
            if len(word) < 2 or word[0] != "-":
                args.append(word)
                if not self.verb.interspersed:
                    return args + argv[at:]
            elif word.startswith("--"):
                at = self._long(word, argv, at)
            else:
                at = self._short(word, argv, at)
        return args

    def _long(self, word: str, argv: list[str], at: int) -> int:
        name, equals, value = word[2:].partition("=")
        flag = self.flags.get(name)
        if flag is None:
            if name == "help":
                raise Help(self.verb)
            raise UsageError(self.verb, f"unknown flag: --{name}" if name else f"bad flag syntax: {word}")
        if not equals:
            if flag.kind == "bool":
                value = "true"
            elif at < len(argv):
                value, at = argv[at], at + 1
            else:
                raise UsageError(self.verb, f"flag needs an argument: --{name}")
        self._set(flag, value)
        return at

    def _short(self, word: str, argv: list[str], at: int) -> int:
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self.shorts.get(letter)
            if flag is None:
                if letter == "h":
                    raise Help(self.verb)
                raise UsageError(self.verb, f"unknown shorthand flag: '{letter}' in {word}")
            if flag.kind == "bool" and not letters.startswith("="):
                self._set(flag, "true")
                continue
            if letters:
                value = letters.removeprefix("=")
            elif at < len(argv):
                value, at = argv[at], at + 1
            else:
                raise UsageError(self.verb, f"flag needs an argument: '{letter}' in {word}")
            self._set(flag, value)
            return at
        return at

    def _set(self, flag: Flag, value: str) -> None:
        self.present.add(flag.name)
        if flag.kind == "list":
            self.values[flag.name].append(value)
        elif flag.kind == "str":
            self.values[flag.name] = value
        elif flag.kind == "bool":
            if value not in _TRUE and value not in _FALSE:
                raise self._invalid(flag, value, f'strconv.ParseBool: parsing "{value}": invalid syntax')
            self.values[flag.name] = value in _TRUE
        else:
            try:
                self.values[flag.name] = int(value)
            except ValueError:
                raise self._invalid(flag, value, f'strconv.ParseInt: parsing "{value}": invalid syntax') from None

    def _invalid(self, flag: Flag, value: str, why: str) -> UsageError:
        shown = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
        return UsageError(self.verb, f'invalid argument "{value}" for "{shown}" flag: {why}')


def parse(verb: Verb, argv: list[str]) -> Options:
    """The command's flags and arguments, counted as docker counts them. Raises UsageError, or Help for `--help`."""
    parser = _Parser(verb)
    args = parser.run(argv)
    least, most = verb.count
    if len(args) < least or (most is not None and len(args) > most):
        raise UsageError(verb, _count_message(verb, least, most), 1)
    return Options(parser.values, parser.present, args)


def _count_message(verb: Verb, least: int, most: int | None) -> str:
    name = f"'fairlead {verb.name}'"
    if most == 0:
        return f"{name} accepts no arguments"
    if most is None:
        return f"{name} requires at least {least} argument{'' if least == 1 else 's'}"
    if least == most:
        return f"{name} requires {least} argument{'' if least == 1 else 's'}"
    if least == 0:
        return f"{name} requires at most {most} argument{'' if most == 1 else 's'}"
    return f"{name} requires at least {least} and at most {most} arguments"
