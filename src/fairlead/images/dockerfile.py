"""A Dockerfile's text → instructions. Pure. Grammar: Docker's Dockerfile reference (classic builder plus heredocs)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.errors import InvalidParameter

KNOWN = frozenset(
    {
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    }
)  # fmt: skip
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z")
_HEREDOC = re.compile(r"<<(-?)([\"']?)([a-zA-Z_][a-zA-Z0-9_]*)\2")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?\s*")


@dataclass(frozen=True, slots=True)
class Heredoc:
    name: str
    text: str
    expand: bool


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `rest` is what follows the word and its `--flags`, continuation lines joined."""

    word: str
    rest: str
    flags: tuple[tuple[str, str], ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    line: int = 0
    original: str = ""

    def flag(self, name: str, default: str = "") -> str:
        return dict(self.flags).get(name, default)


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    platform: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole Dockerfile: global ARGs, then stages."""

    arguments: tuple[Instruction, ...]
    stages: tuple[Stage, ...]

    @property
    def steps(self) -> int:
        return len(self.arguments) + sum(1 + len(stage.instructions) for stage in self.stages)


def parse(text: str) -> Plan:
    """Raises InvalidParameter with Docker's text."""
    instructions = _instructions(text)
    if not instructions:
        raise InvalidParameter("the Dockerfile (Dockerfile) cannot be empty")
    arguments: list[Instruction] = []
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for instruction in instructions:
        if instruction.word == "FROM":
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif instruction.word == "ARG":
            arguments.append(instruction)
        else:
            raise InvalidParameter(f"no build stage in current context (line {instruction.line})")
    if not stages:
        raise InvalidParameter("no build stage in current context")
    return Plan(tuple(arguments), tuple(_stage(head, body) for head, body in stages))


def _stage(head: Instruction, body: list[Instruction]) -> Stage:
    words = head.rest.split()
    if len(words) == 1:
        name = ""
    elif len(words) == 3 and words[1].upper() == "AS":
        name = words[2].lower()
        if not re.match(r"[a-z][a-z0-9-_.]*\Z", name):
            raise InvalidParameter(f'invalid name for build stage: "{words[2]}", name can\'t start with a number or '
                                   "contain symbols")  # fmt: skip
    else:
        raise InvalidParameter("FROM requires either one or three arguments")
    return Stage(words[0], name, head.flag("platform"), tuple(body))


def _instructions(text: str) -> list[Instruction]:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    escape, at = _directives(lines)
    out: list[Instruction] = []
    while at < len(lines):
        start = at
        logical, at = _logical(lines, at, escape)
        if not logical.strip():
            continue
        instruction, at = _instruction(logical, start + 1, lines, at)
        out.append(instruction)
    return out


def _directives(lines: list[str]) -> tuple[str, int]:
    """(escape character, first line that is no directive)."""
    escape = "\\"
    for number, line in enumerate(lines):
        match = _DIRECTIVE.match(line.strip())
        if not match or match[1].lower() not in ("escape", "syntax", "check"):
            return escape, number
        if match[1].lower() == "escape":
            if match[2] not in ("\\", "`"):
                raise InvalidParameter(f"invalid ESCAPE '{match[2]}'. Must be ` or \\")
            escape = match[2]
    return escape, len(lines)


def _logical(lines: list[str], at: int, escape: str) -> tuple[str, int]:
    """One line with its continuations; comment lines in between fall out, as do empty ones."""
    joined = ""
    continued = False
    while at < len(lines):
        line = lines[at]
        at += 1
        stripped = line.strip()
        if stripped.startswith("#") or (continued and not stripped):
            if not continued:
                return "", at
            continue
        body = line.rstrip()
        if body.endswith(escape):
            joined += body[:-1] if continued else body[:-1].lstrip()
            continued = True
            continue
        return joined + (line if continued else line.lstrip()), at
    return joined, at


def _instruction(logical: str, line: int, lines: list[str], at: int) -> tuple[Instruction, int]:
    parts = logical.strip().split(None, 1)
    word = parts[0].upper()
    rest = parts[1].strip() if len(parts) > 1 else ""
    if word not in KNOWN:
        raise InvalidParameter(f"dockerfile parse error on line {line}: unknown instruction: {parts[0]}")
    original = f"{word} {rest}".strip()
    flags: list[tuple[str, str]] = []
    while word in ("ADD", "COPY", "FROM", "HEALTHCHECK", "RUN") and (match := _FLAG.match(rest)):
        flags.append((match[1], match[2] if match[2] is not None else "true"))
        rest = rest[match.end() :]
    if not rest:
        raise InvalidParameter(f"dockerfile parse error on line {line}: {word} requires at least one argument")
    heredocs: list[Heredoc] = []
    if word in ("RUN", "COPY", "ADD"):
        for match in _HEREDOC.finditer(rest):
            body, at = _heredoc(lines, at, match[3], tabs=bool(match[1]), line=line)
            heredocs.append(Heredoc(match[3], body, not match[2]))
    return Instruction(word, rest, tuple(flags), tuple(heredocs), line, original), at


def _heredoc(lines: list[str], at: int, name: str, *, tabs: bool, line: int) -> tuple[str, int]:
    body: list[str] = []
    while at < len(lines):
        text = lines[at].lstrip("\t") if tabs else lines[at]
        at += 1
        if text == name:
            return "".join(f"{row}\n" for row in body), at
        body.append(text)
    raise InvalidParameter(f"dockerfile parse error on line {line}: unterminated heredoc")


def heredoc_marks(rest: str) -> str:
    """The instruction's arguments without `<<NAME`."""
    return _HEREDOC.sub("", rest).strip()


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def expand(text: str, values: Mapping[str, str], *, escape: str = "\\") -> str:
    """`$x`, `${x}`, `${x:-y}`, `${x:+y}`; single quotes keep, quotes go, the escape keeps the next character."""
    return "".join(words(text, values, split=False, escape=escape))


def words(text: str, values: Mapping[str, str], *, split: bool = True, escape: str = "\\") -> list[str]:
    """The words of a line after expansion and removal of quotes; one word if not `split`."""
    scanner = _Scanner(text, values, escape, split=split)
    return scanner.run()


class _Scanner:
    def __init__(self, text: str, values: Mapping[str, str], escape: str, *, split: bool) -> None:
        self.text = text
        self.values = values
        self.escape = escape
        self.split = split
        self.at = 0

    def run(self) -> list[str]:
        out: list[str] = []
        word, inside = "", False
        while self.at < len(self.text):
            char = self.text[self.at]
            if self.split and char.isspace():
                self.at += 1
                if inside:
                    out.append(word)
                word, inside = "", False
                continue
            word += self._piece(char)
            inside = True
        if inside or not self.split:
            out.append(word)
        return out

    def _piece(self, char: str) -> str:
        if char == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise InvalidParameter("unexpected end of statement while looking for matching single-quote")
            piece, self.at = self.text[self.at + 1 : end], end + 1
            return piece
        if char == '"':
            return self._double()
        if char == self.escape:
            piece = self.text[self.at + 1 : self.at + 2]
            self.at += 2
            return piece
        if char == "$":
            return self._variable()
        self.at += 1
        return char

    def _double(self) -> str:
        self.at += 1
        out = ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return out
            if char == "$":
                out += self._variable()
            elif char == self.escape and self.text[self.at + 1 : self.at + 2] in ('"', "$", self.escape):
                out += self.text[self.at + 1]
                self.at += 2
            else:
                out += char
                self.at += 1
        raise InvalidParameter("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        self.at += 1
        if self.text[self.at : self.at + 1] != "{":
            match = _VARIABLE.match(self.text, self.at)
            if not match:
                return "$"
            self.at = match.end()
            return self.values.get(match[0], "")
        match = _VARIABLE.match(self.text, self.at + 1)
        if not match:
            raise InvalidParameter(f"failed to process {self.text!r}: bad substitution")
        name, self.at = match[0], match.end()
        operator = self.text[self.at : self.at + 2]
        if self.text[self.at : self.at + 1] == "}":
            self.at += 1
            return self.values.get(name, "")
        default = self._braced(2 if operator in (":-", ":+") else 1)
        value = self.values.get(name)
        if operator == ":-":
            return value if value else default
        if operator == ":+":
            return default if value else ""
        if operator[:1] == "-":
            return default if value is None else value
        if operator[:1] == "+":
            return "" if value is None else default
        raise InvalidParameter(f"failed to process {self.text!r}: unsupported modifier ({operator}) in substitution")

    def _braced(self, skip: int) -> str:
        """The word up to the closing brace, itself expanded."""
        self.at += skip
        depth, start = 1, self.at
        while self.at < len(self.text):
            depth += {"{": 1, "}": -1}.get(self.text[self.at], 0)
            self.at += 1
            if not depth:
                return expand(self.text[start : self.at - 1], self.values, escape=self.escape)
        raise InvalidParameter(f"failed to process {self.text!r}: missing }}")
