"""One line of a Dockerfile → a checked instruction, or Docker's complaint about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import health, syntax, words
from fairlead.images.dockerfile.syntax import Heredoc, Line, cut, heredoc_mark

Kind = Literal["text", "flag", "texts"]
_COPY: Mapping[str, Kind] = {
    "chown": "text", "chmod": "text", "link": "flag", "parents": "flag", "exclude": "texts",
}  # fmt: skip
FLAGS: Mapping[str, Mapping[str, Kind]] = {
    "ADD": {**_COPY, "checksum": "text", "keep-git-dir": "flag", "unpack": "flag"},
    "ARG": {},
    "CMD": {},
    "COPY": {**_COPY, "from": "text"},
    "ENTRYPOINT": {},
    "ENV": {},
    "EXPOSE": {},
    "FROM": {"platform": "text"},
    "HEALTHCHECK": {
        "interval": "text", "timeout": "text", "start-period": "text", "start-interval": "text", "retries": "text",
    },
    "LABEL": {},
    "MAINTAINER": {},
    "ONBUILD": {},
    "RUN": {"mount": "texts", "network": "text", "security": "text"},
    "SHELL": {},
    "STOPSIGNAL": {},
    "USER": {},
    "VOLUME": {},
    "WORKDIR": {},
}  # fmt: skip
_JSON_OR_LINE = ("CMD", "ENTRYPOINT", "RUN", "SHELL")
_JSON_OR_WORDS = ("ADD", "COPY", "VOLUME")
_ONE = ("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR")
_MAY_BE_EMPTY = ("CMD", "ENTRYPOINT", "RUN")
_BLANKS = re.compile(r"[\t\v\f\r ]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """`args` before expansion; of ENV and LABEL names and values in turn. `json`: the exec form."""

    word: str
    args: tuple[str, ...] = ()
    json: bool = False
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    heredocs: tuple[Heredoc, ...] = ()
    line: int = 0
    original: str = ""

    def flag(self, name: str, default: str = "") -> str:
        return self.flags.get(name, (default,))[-1]

    def has(self, name: str) -> bool:
        """A flag without value."""
        return self.flag(name) == "true"


def parse(line: Line, escape: str, file: str = "") -> Instruction:
    """Raises InvalidParameter with Docker's text, which names the line, or what is unreadable in the file. A line
    without number is of no file: what an ONBUILD left."""
    word = line.word.upper()
    with syntax.complaints(file):
        args, is_json = _arguments(word, line.rest, escape)
    try:
        if word not in FLAGS:
            raise InvalidParameter(f"unknown instruction: {line.word}{_suggestion(line.word, FLAGS)}")
        flags = _flags(word, line.flags)
        _check(word, args, is_json=is_json)
        _check_heredocs(word, args)
        if word == "HEALTHCHECK":
            health.parse(args, flags, is_json=is_json)
    except InvalidParameter as error:
        if not line.number:
            raise
        raise InvalidParameter(f"dockerfile parse error on line {line.number}: {error.message}") from None
    return Instruction(
        word=word,
        args=tuple(args),
        json=is_json,
        flags=flags,
        heredocs=line.heredocs,
        line=line.number,
        original=line.original,
    )


def _arguments(word: str, rest: str, escape: str) -> tuple[list[str], bool]:
    if word in _JSON_OR_LINE:
        found = json_list(rest)
        return (found, True) if found is not None else ([rest] if rest else [], False)
    if word in _JSON_OR_WORDS:
        found = json_list(rest)
        return (found, True) if found is not None else (_BLANKS.split(rest) if rest else [], False)
    if word == "HEALTHCHECK":
        kind, _, command = rest.partition(" ")
        found = json_list(command)
        return [kind, *(found if found is not None else [command.strip()] * bool(command.strip()))] * bool(rest), bool(
            found is not None
        )
    if word in ("ENV", "LABEL"):
        return _pairs(word, rest, escape), False
    if word in ("EXPOSE", "FROM"):
        return _BLANKS.split(rest) if rest else [], False
    if word == "ARG":
        return raw_words(rest, escape), False
    return [rest] if rest else [], False


def json_list(text: str) -> list[str] | None:
    """A JSON list of strings; None for everything else, but a list of other things is an error."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise InvalidParameter("when using JSON array syntax, arrays must be comprised of strings only")
    return found


def _pairs(word: str, rest: str, escape: str) -> list[str]:
    """`A=b C="d e"`, or the old form `A b c`."""
    found = raw_words(rest, escape)
    if not found:
        return []
    if "=" not in found[0]:
        parts = _BLANKS.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise InvalidParameter(f"{word} must have two arguments")
        return parts
    out: list[str] = []
    for pair in found:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InvalidParameter(
                f"Syntax error - can't find = in {words.quote(pair)}. Must be of the form: name=value"
            )
        out += [name, value]
    return out


def raw_words(text: str, escape: str) -> list[str]:
    """Words as they stand: blanks within quotes do not cut, quotes stay."""
    out: list[str] = []
    word, quote, at, blank = "", "", 0, False
    while at < len(text):
        char = text[at]
        at += 1
        if not quote and char.isspace():
            if word or blank:
                out.append(word)
            word, blank = "", False
            continue
        if char == escape and quote != "'":
            if at == len(text):
                break  # an escape at the very end is nothing
            word += char
            char = text[at]
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote, blank = char, True
        word += char
    return [*out, word] if word or blank else out


def _flags(word: str, given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    known = FLAGS[word]
    out: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, equals, value = text.removeprefix("--").partition("=")
        if name not in known:
            raise InvalidParameter(f"unknown flag: --{name}{_suggestion(name, known)}")
        kind = known[name]
        if name in out and kind != "texts":
            raise InvalidParameter(f"duplicate flag specified: --{name}")
        if kind != "flag":
            if not equals:
                raise InvalidParameter(f"missing a value on flag: --{name}")
        elif equals and not value:
            raise InvalidParameter(f"missing a value on flag: --{name}")
        elif value.lower() not in ("", "true", "false"):
            raise InvalidParameter(f"expecting boolean value for flag --{name}, not: {value}")
        else:
            value = value.lower() or "true"
        out[name] = (*out.get(name, ()), value)
    return out


def _check(word: str, args: Sequence[str], *, is_json: bool) -> None:
    if word in _ONE and len(args) != 1:
        raise InvalidParameter(f"{word} requires exactly one argument")
    if word in ("ADD", "COPY") and len(args) < 2:
        raise InvalidParameter(f"{word} requires at least two arguments, but only one was provided. "
                               "Destination could not be determined")  # fmt: skip
    if not args and word not in _MAY_BE_EMPTY and word != "FROM":
        raise InvalidParameter(f"{word} requires at least one argument")
    match word:
        case "FROM":
            stage_name(args)
        case "ENV" | "LABEL" if any(not name for name in args[::2]):
            raise InvalidParameter(f"{word} names can not be blank")
        case "ARG" if any(arg.startswith("=") for arg in args):
            raise InvalidParameter("ARG names can not be blank")
        case "VOLUME" if any(not arg.strip() for arg in args):
            raise InvalidParameter("VOLUME specified can not be an empty string")
        case "SHELL" if not is_json:
            raise InvalidParameter("SHELL requires the arguments to be in JSON form")
        case "ONBUILD":
            _check_trigger(args[0])


def _check_trigger(text: str) -> None:
    word = cut(text)[0].upper()
    if word == "ONBUILD":
        raise InvalidParameter("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if word in ("MAINTAINER", "FROM"):
        raise InvalidParameter(f"{word} isn't allowed as an ONBUILD trigger")


def _check_heredocs(word: str, args: Sequence[str]) -> None:
    if word in ("ADD", "COPY") and heredoc_mark(args[-1]) is not None:
        raise InvalidParameter(f"{word} cannot accept a heredoc as a destination")


def stage_name(args: Sequence[str]) -> str:
    """The name after AS, in lower case; empty if there is none."""
    if len(args) == 1:
        return ""
    if len(args) != 3 or args[1].upper() != "AS":
        raise InvalidParameter("FROM requires either one or three arguments")
    name = args[2].lower()
    if not re.match(r"[a-z][a-z0-9-_.]*\Z", name):
        raise InvalidParameter(f"invalid name for build stage: {words.quote(args[2])}, name can't start with a number "
                               "or contain symbols")  # fmt: skip
    return name


def _suggestion(wrong: str, known: Mapping[str, object]) -> str:
    """` (did you mean RUN?)` for what is at most two letters away."""
    letters = sorted(wrong.upper())
    near = [(_distance(wrong.upper(), name.upper()), sorted(name.upper()) != letters, name) for name in known]
    distance, _, best = min(near, default=(3, True, ""))
    if distance > 2:
        return ""
    name = best.lower() if wrong == wrong.lower() else best
    return f" (did you mean {name}?)"


def _distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for at, char in enumerate(one, 1):
        previous, row[0] = row[0], at
        for column, against in enumerate(other, 1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (char != against))
    return row[-1]
