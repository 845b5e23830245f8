"""A Dockerfile's text → lines: directives, comments, continuations, `--flags`, heredocs. No meaning yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import words

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z")
_DIRECTIVES = ("escape", "syntax", "check")
_BLANKS = re.compile(r"[\t\v\f\r ]+")
_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]*)\Z")
_WITH_HEREDOCS = ("ADD", "COPY", "RUN")
_MAX_LINE = 65535


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`text` as it stands in the file."""

    name: str
    text: str = ""
    expand: bool = True
    chomp: bool = False

    @property
    def content(self) -> str:
        """What the file holds: without leading tabs after `<<-`."""
        return re.sub(r"^\t+", "", self.text, flags=re.MULTILINE) if self.chomp else self.text


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction: its word as written, its flags, the rest."""

    word: str
    flags: tuple[str, ...]
    rest: str
    number: int
    original: str
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    lines: tuple[Line, ...]
    escape: str = "\\"
    warnings: tuple[str, ...] = ()


@contextmanager
def complaints(file: str) -> Iterator[None]:
    """What is wrong inside is told of the file, if it has a name."""
    try:
        yield
    except InvalidParameter as error:
        raise InvalidParameter(f"failed to parse {file}: {error.message}" if file else error.message) from None


def parse(text: str, file: str = "") -> Text:
    with complaints(file):
        return _Reader(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")).read()


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines[:-1] if lines and not lines[-1] else lines
        self._at = 0
        self._escape = "\\"

    def read(self) -> Text:
        self._directives()
        self._continues = _continuation(self._escape)
        found, warnings = [], []
        while self._at < len(self._lines):
            start = self._at + 1
            line, holes = self._logical()
            if not line.strip():
                continue
            if holes:
                warnings.append(f"[WARNING]: Empty continuation line found in:\n    {line}")
            found.append(self._instruction(line, start))
        if warnings:
            warnings.append("[WARNING]: Empty continuation lines will become errors in a future release.")
        if not found:
            raise InvalidParameter("file with no instructions")
        return Text(tuple(found), self._escape, tuple(warnings))

    def _directives(self) -> None:
        """They stand at the top, before everything else, each once."""
        seen: set[str] = set()
        for line in self._lines:
            match = _DIRECTIVE.match(line.lstrip())
            if not match or (name := match[1].lower()) not in _DIRECTIVES:
                return
            if name in seen:
                raise InvalidParameter(f"only one {name} parser directive can be used")
            seen.add(name)
            if name == "escape":
                if match[2] not in ("\\", "`"):
                    raise InvalidParameter(f"invalid escape token '{match[2]}' does not match ` or \\")
                self._escape = match[2]

    def _logical(self) -> tuple[str, bool]:
        """One line with its continuations; and whether empty lines stood among them."""
        line, ends = self._trimmed(self._next().lstrip())
        holes = False
        while not ends and self._at < len(self._lines):
            more = self._next()
            if more.lstrip().startswith("#"):
                continue
            if not more.strip():
                holes = True
                continue
            piece, ends = self._trimmed(more)
            line += piece
        return line, holes

    def _next(self) -> str:
        self._at += 1
        line = self._lines[self._at - 1]
        if len(line.encode(errors="replace")) > _MAX_LINE:
            raise InvalidParameter(f"dockerfile line greater than max allowed size of {_MAX_LINE}")
        return line

    def _trimmed(self, line: str) -> tuple[str, bool]:
        """Without the escape at its end; and whether the line ends here."""
        if line.lstrip().startswith("#"):
            return "", True
        shorter = self._continues.sub(r"\1", line)
        return (line, True) if shorter == line else (shorter, False)

    def _instruction(self, line: str, number: int) -> Line:
        word, flags, rest = cut(line)
        heredocs = tuple(self._heredoc(heredoc) for heredoc in _announced(word, rest))
        return Line(word, flags, rest, number, line.strip(), heredocs)

    def _heredoc(self, heredoc: Heredoc) -> Heredoc:
        body = ""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if (line.lstrip("\t") if heredoc.chomp else line) == heredoc.name:
                return Heredoc(heredoc.name, body, heredoc.expand, heredoc.chomp)
            body += line + "\n"
        raise InvalidParameter("unterminated heredoc")


def _continuation(escape: str) -> re.Pattern[str]:
    """An escape at the end, unless escaped itself."""
    token = re.escape(escape)
    return re.compile(rf"((?:^|[^{token}])){token}[ \t]*$")


def cut(line: str) -> tuple[str, tuple[str, ...], str]:
    """Word, flags and rest of a line."""
    parts = _BLANKS.split(line.strip(), maxsplit=1)
    if len(parts) == 1:
        return parts[0], (), ""
    flags, rest = _flags(parts[1])
    return parts[0], tuple(flags), rest.strip()


def _flags(text: str) -> tuple[list[str], str]:
    """The words with `--` in front, unquoted, and what follows them."""
    flags: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith("--", at):
            return flags, text[at:]
        word, end = _flag(text, at)
        if word == "--":
            return flags, text[end:]
        flags.append(word)
        at = end


def _flag(text: str, at: int) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(text):
        char = text[at]
        at += 1
        if quote:
            if char == quote:
                quote = ""
                continue
        elif char.isspace():
            break
        elif char in "'\"":
            quote = char
            continue
        if char == "\\" and quote != "'":
            char = text[at : at + 1]
            at += 1
        word += char
    return word, at


def _announced(word: str, rest: str) -> Iterator[Heredoc]:
    """The heredocs that a line begins."""
    word = word.upper()
    if word == "ONBUILD":
        inner, _, inner_rest = cut(rest)
        yield from _announced(inner, inner_rest)
        return
    if word not in _WITH_HEREDOCS or rest.startswith("[") or "<<" not in rest:
        return
    for piece in words.split(rest, {}, raw=True):
        heredoc = heredoc_mark(piece)
        if heredoc is not None:
            yield heredoc


def heredoc_mark(word: str) -> Heredoc | None:
    """`<<NAME`, `<<-NAME`, `<<"NAME"`; quotes keep the text from being expanded."""
    match = _HEREDOC.match(word)
    if not match or not match[3]:
        return None
    plain = words.split(match[3], {}, raw=False)
    raw = words.split(match[3], {}, raw=True)
    if len(plain) != 1:
        return None
    return Heredoc(plain[0], expand=plain == raw, chomp=match[2] == "-")


def heredoc_mark_of(args: tuple[str, ...], name: str) -> bool:
    """Whether one of the arguments is the heredoc of that name."""
    return any(mark is not None and mark.name == name for mark in map(heredoc_mark, args))
