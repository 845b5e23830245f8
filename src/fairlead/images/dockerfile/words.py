"""Words of a Dockerfile: quotes, the escape character, `$x` and `${x…}`.

`${x:-y}`, `${x:+y}`, `${x:?y}` (without colon too), `${x#p}`, `${x##p}`, `${x%p}`, `${x%%p}`, `${x/p/r}`, `${x//p/r}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead.errors import InvalidParameter

_SPECIAL = "@*#?-$!0"


def expand(text: str, values: Mapping[str, str], *, escape: str = "\\") -> str:
    """The text as one word: variables replaced, quotes gone."""
    return _run(text, values, escape)[0]


def split(text: str, values: Mapping[str, str], *, escape: str = "\\", raw: bool = False) -> list[str]:
    """The words of the text, cut where blanks are after expansion, unless quoted. `raw` keeps quotes and escapes, and
    variables that are not set."""
    return _run(text, values, escape, raw=raw)[1]


def content(text: str, values: Mapping[str, str]) -> str:
    """A heredoc's text: only variables are replaced, quotes are kept."""
    return _Scanner(text, values, "\\", quotes=False, keep_escapes=False).run("")[0]


def quote(text: str) -> str:
    """As Go's %q writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")


def _run(text: str, values: Mapping[str, str], escape: str, *, raw: bool = False) -> tuple[str, list[str]]:
    try:
        return _Scanner(text, values, escape, keep_quotes=raw, keep_escapes=raw, keep_unset=raw).run("")
    except InvalidParameter as error:
        raise InvalidParameter(f"failed to process {quote(text)}: {error.message}") from None


@dataclass
class _Words:
    """Words under construction. Blanks cut only where they stand unquoted."""

    done: list[str] = field(default_factory=list)
    word: str = ""
    inside: bool = False

    def plain(self, text: str) -> None:
        for char in text:
            if not char.isspace():
                self.word += char
                self.inside = True
            elif self.inside and self.word:
                self.done.append(self.word)
                self.word, self.inside = "", False

    def quoted(self, text: str) -> None:
        self.word += text
        self.inside = True

    def all(self) -> list[str]:
        return [*self.done, self.word] if self.word else self.done


@dataclass
class _Scanner:
    text: str
    values: Mapping[str, str]
    escape: str
    quotes: bool = True
    keep_quotes: bool = False
    keep_escapes: bool = False
    keep_unset: bool = False
    at: int = 0

    def run(self, stop: str, *, keep_escapes: bool | None = None) -> tuple[str, list[str]]:
        """Up to the end, or to `stop`, which is taken."""
        before = self.keep_escapes
        self.keep_escapes = before if keep_escapes is None else keep_escapes
        out, words = "", _Words()
        while self.at < len(self.text):
            char = self.text[self.at]
            if stop and char == stop:
                self.at += 1
                self.keep_escapes = before
                return out, words.all()
            if char == "$":
                piece = self._dollar()
                words.plain(piece)
            elif self.quotes and char in "'\"":
                piece = self._single() if char == "'" else self._double()
                words.quoted(piece)
            elif char == self.escape:
                piece = self._escaped()
                words.quoted(piece)
            else:
                self.at += 1
                piece = char
                words.plain(piece)
            out += piece
        self.keep_escapes = before
        if stop:
            raise InvalidParameter(f"unexpected end of statement while looking for matching {stop}")
        return out, words.all()

    def _escaped(self) -> str:
        piece = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        return self.escape + piece if self.keep_escapes else piece

    def _single(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise InvalidParameter("unexpected end of statement while looking for matching single-quote")
        piece, self.at = self.text[self.at + 1 : end], end + 1
        return f"'{piece}'" if self.keep_quotes else piece

    def _double(self) -> str:
        self.at += 1
        out = ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return f'"{out}"' if self.keep_quotes else out
            if char == "$":
                out += self._dollar()
                continue
            self.at += 1
            if char == self.escape:
                if self.keep_escapes:
                    out += char
                following = self.text[self.at : self.at + 1]
                if following in ('"', "$", self.escape) and following:
                    char = following
                    self.at += 1
            out += char
        raise InvalidParameter("unexpected end of statement while looking for matching double-quote")

    def _name(self) -> str:
        found = re.compile(r"\d+|[^\W\d]\w*").match(self.text, self.at)
        if found:
            self.at = found.end()
            return found[0]
        if self.text[self.at : self.at + 1] in _SPECIAL and self.at < len(self.text):
            self.at += 1
            return self.text[self.at - 1]
        return ""

    def _dollar(self) -> str:
        self.at += 1
        if self.text[self.at : self.at + 1] != "{":
            name = self._name()
            if not name:
                return "$"
            return f"${name}" if self.keep_unset and name not in self.values else self.values.get(name, "")
        self.at += 1
        if self.at >= len(self.text):
            raise InvalidParameter("syntax error: missing '}'")
        if self.text[self.at] in "{}:":
            raise InvalidParameter("syntax error: bad substitution")
        return self._braced(self._name())

    def _braced(self, name: str) -> str:
        """What follows the name in `${name…}`."""
        start = self.at
        char = self.text[self.at : self.at + 1]
        self.at += 1
        value = self.values.get(name)
        if char == "}":
            return f"${{{name}}}" if self.keep_unset and value is None else value or ""
        if char == "/":
            return self._replaced(name, value)
        if char == ":":
            char += self.text[self.at : self.at + 1]
            self.at += 1
        if self.at > len(self.text):
            raise InvalidParameter("syntax error: missing '}'")
        if char[-1] not in "+-?#%":
            raise InvalidParameter(f"unsupported modifier ({char}) in substitution")
        word = self._until("}", keep_escapes=char[-1] in "#%")
        if self.keep_unset and value is None:
            return f"${{{name}{self.text[start : self.at]}"
        return _modified(name, value, char, word)

    def _until(self, stop: str, *, keep_escapes: bool, missing: str = "syntax error: missing '}'") -> str:
        try:
            return self.run(stop, keep_escapes=keep_escapes)[0]
        except InvalidParameter:
            if self.at >= len(self.text):
                raise InvalidParameter(missing) from None
            raise

    def _replaced(self, name: str, value: str | None) -> str:
        everywhere = self.text[self.at : self.at + 1] == "/"
        self.at += everywhere
        old = self._until("/", keep_escapes=True, missing="syntax error: missing '/' in ${}")
        new = self._until("}", keep_escapes=True)
        if self.keep_unset and value is None:
            return f"${{{name}{'//' if everywhere else '/'}{old}/{new}}}"
        return _pattern(old, greedy=True).sub(lambda _: new, value or "", count=0 if everywhere else 1)


def _modified(name: str, value: str | None, operator: str, word: str) -> str:
    unset = value is None or (operator[0] == ":" and not value)
    match operator[-1]:
        case "-":
            return word if unset else value or ""
        case "+":
            return "" if unset else word
        case "?":
            if unset:
                state = "empty" if value is not None else "unset"
                raise InvalidParameter(f"{name}: {word or f'is not allowed to be {state}'}")
            return value or ""
    greedy = word.startswith(operator[-1])
    pattern = _pattern(word[greedy:], greedy=greedy)
    return _without_start(value or "", pattern) if operator[-1] == "#" else _without_end(value or "", pattern, greedy)


def _without_start(value: str, pattern: re.Pattern[str]) -> str:
    found = pattern.match(value)
    return value[found.end() :] if found else value


def _without_end(value: str, pattern: re.Pattern[str], greedy: bool) -> str:
    """The shortest (or longest) end that fits goes."""
    starts = range(len(value) + 1) if greedy else range(len(value), -1, -1)
    for start in starts:
        if pattern.fullmatch(value, start):
            return value[:start]
    return value


def _pattern(text: str, *, greedy: bool) -> re.Pattern[str]:
    """`*` and `?` of a shell as a regular expression; everything else stands for itself."""
    out, at = "", 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*":
            out += ".*" if greedy else ".*?"
        elif char == "?":
            out += "."
        elif char == "\\":
            following = text[at : at + 1]
            if following not in ("*", "?", "\\", "}", "/") or not following:
                raise InvalidParameter(f"invalid pattern ({text}) in substitution: invalid escape '\\{following}'")
            out += re.escape(following)
            at += 1
        else:
            out += re.escape(char)
    return re.compile(out, re.DOTALL)
