"""Patterns of paths: `.dockerignore` by the rules of docker's matcher, and the wildcards of COPY by Go's.

Used on both sides: the client leaves files at home, the builder takes and leaves them.
"""

from __future__ import annotations

import posixpath
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Pattern:
    """One line: `exception` brings back what an earlier line left out."""

    def __init__(self, text: str) -> None:
        self.exception = text.startswith("!")
        self.text = text[1:] if self.exception else text
        self.matches = _compiled(_expression(self.text)).fullmatch


class Patterns:
    """The lines of a file, the last that fits decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [Pattern(line) for line in lines]
        self.has_exceptions = any(pattern.exception for pattern in self._patterns)

    def excludes(self, path: str) -> bool:
        """Whether the path (slashes, relative to the context) or a directory above it is left out."""
        parents = path.split("/")[:-1]
        above = ["/".join(parents[: depth + 1]) for depth in range(len(parents))]
        excluded = False
        for pattern in self._patterns:
            if pattern.exception != excluded:
                continue
            if pattern.matches(path) or any(pattern.matches(parent) for parent in above):
                excluded = not pattern.exception
        return excluded

    def may_come_back(self, directory: str) -> bool:
        """Whether an exception may bring back something below an excluded directory."""
        return any(pattern.exception and f"{pattern.text}/".startswith(f"{directory}/") for pattern in self._patterns)


def read(text: str) -> list[str]:
    """The patterns of a `.dockerignore` file, cleaned; comments and empty lines dropped."""
    found = []
    for raw in text.removeprefix("\ufeff").splitlines():
        if raw.startswith("#"):
            continue
        line = raw.strip()
        if not line:
            continue
        exception = line.startswith("!")
        body = line[1:].strip() if exception else line
        if body:
            body = posixpath.normpath(body)
            if len(body) > 1 and body.startswith("/"):
                body = body.lstrip("/")
        found.append(("!" if exception else "") + body)
    return [line for line in found if line not in ("", "!", ".", "!.")]


def wildcard(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match, for whole paths: `*` and `?` stop at slashes."""
    return _compiled(_expression(pattern, deep=False) + r"\Z", re.DOTALL)


def of_copy(pattern: str) -> re.Pattern[str]:
    """A wildcard of COPY: one that cannot be read fits nothing."""
    try:
        return wildcard(pattern)
    except ValueError:
        return re.compile(r"(?!)")


def _compiled(expression: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    try:
        return re.compile(expression, flags)
    except re.error:
        raise ValueError("syntax error in pattern") from None


def has_wildcard(pattern: str) -> bool:
    return re.search(r"[*?\[]", re.sub(r"\\.", "", pattern)) is not None


def _expression(pattern: str, *, deep: bool = True) -> str:
    out = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if deep and pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
                out.append("(?:.*/)?")
            else:
                out.append(".*")
            continue
        at += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\" and at < len(pattern):
            out.append(re.escape(pattern[at]))
            at += 1
        elif char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise ValueError("syntax error in pattern")
            body = pattern[at:end].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{body}]")
            at = end + 1
        else:
            out.append(re.escape(char))
    return "".join(out)
