"""Command-line flags as docker's clients take them (pflag): `-it`, `-p=x`, `--name x`, `--name=x`, `--`.

A command declares itself as a `Verb`; `parse` gives `Options`, or raises `UsageError` with pflag's words.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_DIGITS = frozenset("0123456789")


class Flag:
    """One flag of a command. Kinds: bool, str, list, int. `check` names a function of values.py that gives the value
    to keep, or raises ValueError."""

    __slots__ = ("check", "default", "help", "hidden", "kind", "name", "short", "target", "word")

    def __init__(
        self, kind: str, name: str, short: str, default: Any, help: str,
        word: str = "", check: str = "", hidden: bool = False, target: str = "",
    ) -> None:  # fmt: skip
        self.kind = kind
        self.name = name
        self.short = short
        self.default = default
        self.help = help
        self.word = word
        self.check = check
        self.hidden = hidden
        self.target = target or name

    @property
    def shown(self) -> str:
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


def boolean(
    name: str, short: str = "", *, default: bool = False, help: str = "", hidden: bool = False, target: str = ""
) -> Flag:
    return Flag("bool", name, short, default, help, hidden=hidden, target=target)


def text(
    name: str, short: str = "", *, default: str = "", help: str = "", word: str = "string", check: str = "",
    hidden: bool = False, target: str = "",
) -> Flag:  # fmt: skip
    """One text, or, with `check`, what that makes of it. `word` stands for the value in help texts."""
    return Flag("str", name, short, default, help, word, check, hidden, target)


def items(
    name: str, short: str = "", *, help: str = "", word: str = "list", check: str = "",
    hidden: bool = False, target: str = "",
) -> Flag:  # fmt: skip
    """A flag that may come several times. `target`: the flag whose other name this is."""
    return Flag("list", name, short, None, help, word, check, hidden, target)


def number(
    name: str, short: str = "", *, default: int = 0, help: str = "", hidden: bool = False, target: str = ""
) -> Flag:
    return Flag("int", name, short, default, help, "int", "", hidden, target)


def integer(value: str, *, low: int = -(1 << 63), high: int = (1 << 63) - 1, name: str = "ParseInt") -> int:
    """Go's strconv: decimal, 0x, 0o, 0b, or a leading 0 for octal."""
    digits = value.lstrip("+-") if len(value) - len(value.lstrip("+-")) <= 1 else ""
    signed = name == "ParseUint" and digits != value
    try:
        found = int("" if signed else value, 8 if digits[:1] == "0" and set(digits) <= _DIGITS else 0)
    except ValueError:
        raise ValueError(f'strconv.{name}: parsing "{value}": invalid syntax') from None
    if not low <= found <= high:
        raise ValueError(f'strconv.{name}: parsing "{value}": value out of range')
    return found


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

    @property
    def form(self) -> str:
        """The rest of the usage line."""
        return self.usage[len(self.name) :].strip()


class Words(list[str]):
    """The arguments of a verb, and how the user called it: `ls` is `container ls` or `ps`."""

    __slots__ = ("path",)

    def __init__(self, words: list[str], path: str) -> None:
        super().__init__(words)
        self.path = path


class UsageError(Exception):
    """The command line is wrong; the text is docker's. `code` is docker's exit code for it: 125 for a flag, 1 for a
    wrong number of arguments."""

    def __init__(self, verb: Verb, message: str, code: int = 125) -> None:
        super().__init__(message)
        self.verb = verb
        self.code = code

    def render(self, program: str, path: str) -> str:
        """All that docker says about it. `path` is how the user called the verb."""
        head = f"{program}: " if self.code == 1 else ""
        called = f"{program} {path}".rstrip()
        least, most = self.verb.count
        hint = "See" if self.code == 1 and most is None and least else "Run"
        usage = f"Usage:  {called} {self.verb.form}".rstrip()
        return f"{head}{self}\n\n{usage}\n\n{hint} '{called} --help' for more information"


class Help(Exception):
    """`--help` was asked for."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb.usage)
        self.verb = verb


class Options:
    """What a command line says: `options["name"]`, `options.given("name")`, `options.args`."""

    __slots__ = ("_present", "_values", "_verb", "args")

    def __init__(self, verb: Verb) -> None:
        self._verb = verb
        self._values: dict[str, Any] = {}
        self._present: set[str] = set()
        self.args: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            for flag in self._verb.flags:
                if flag.target == name:
                    self._values[name] = [] if flag.kind == "list" else flag.default
                    break
        return self._values[name]

    def given(self, name: str) -> bool:
        """Whether the flag was there, whatever its value."""
        return name in self._present

    def put(self, flag: Flag, value: Any) -> None:
        self._present.add(flag.target)
        if flag.kind == "list":
            several = flag.word == "strings"
            self._values.setdefault(flag.target, []).extend(value.split(",") if several else (value,))
        else:
            self._values[flag.target] = value


class _Parser:
    def __init__(self, verb: Verb, options: Options) -> None:
        self.verb = verb
        self.options = options
        self.help = False

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
        if not name or name[0] == "-":
            raise UsageError(self.verb, f"bad flag syntax: {word}")
        flag = next((flag for flag in self.verb.flags if flag.name == name), None)
        if flag is None:
            if name == "help":
                self.help = True
                return at
            raise UsageError(self.verb, f"unknown flag: --{name}")
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
            rest = letters
            letter, letters = letters[0], letters[1:]
            flag = next((flag for flag in self.verb.flags if flag.short == letter), None)
            if flag is None:
                if letter == "h":
                    self.help = True
                    continue
                raise UsageError(self.verb, f"unknown shorthand flag: {_quoted(letter)} in -{rest}")
            if flag.kind == "bool" and not (letters.startswith("=") and len(letters) > 1):
                self._set(flag, "true")
                continue
            if letters:
                value = letters[1:] if letters[0] == "=" and len(letters) > 1 else letters
            elif at < len(argv):
                value, at = argv[at], at + 1
            else:
                raise UsageError(self.verb, f"flag needs an argument: {_quoted(letter)} in -{rest}")
            self._set(flag, value)
            return at
        return at

    def _set(self, flag: Flag, value: str) -> None:
        kept: Any = value
        try:
            if flag.kind == "bool":
                if value not in _TRUE and value not in _FALSE:
                    raise ValueError(f'strconv.ParseBool: parsing "{value}": invalid syntax')
                kept = value in _TRUE
            elif flag.kind == "int":
                kept = integer(value)
            elif flag.check:
                from fairlead.cli import values

                kept = getattr(values, flag.check)(value)
        except ValueError as error:
            raise invalid(self.verb, flag.shown, value, str(error)) from None
        self.options.put(flag, kept)


def _quoted(letter: str) -> str:
    return f"'{letter}'"


def invalid(verb: Verb, shown: str, value: str, why: str) -> UsageError:
    """`shown` is the flag as `-f, --flag`."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return UsageError(verb, f'invalid argument "{escaped}" for "{shown}" flag: {why}')


def parse(verb: Verb, argv: list[str]) -> Options:
    """The command's flags and arguments, counted as docker counts them. Raises UsageError, or Help for `--help`."""
    options = Options(verb)
    parser = _Parser(verb, options)
    options.args = parser.run(argv)
    if parser.help:
        raise Help(verb)
    least, most = verb.count
    if len(options.args) < least or (most is not None and len(options.args) > most):
        path = argv.path if isinstance(argv, Words) else verb.name
        raise UsageError(verb, _count_message(f"'fairlead {path}'", least, most), 1)
    return options


def _count_message(name: str, least: int, most: int | None) -> str:
    if most == 0:
        return f"{name} accepts no arguments"
    if most is None:
        return f"{name} requires at least {least} argument{'' if least == 1 else 's'}"
    if least == most:
        return f"{name} requires {least} argument{'' if least == 1 else 's'}"
    if least == 0:
        return f"{name} requires at most {most} argument{'' if most == 1 else 's'}"
    return f"{name} requires at least {least} and at most {most} arguments"
