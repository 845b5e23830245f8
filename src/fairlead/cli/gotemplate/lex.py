"""Template text to tokens, as Go's text/template/parse/lex.go cuts them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

KEYWORDS = frozenset(("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"))
SPACES = " \t\r\n"
_TERMINATORS = ".,|:)("
_SINGLE = {"=": "assign", "|": "pipe"}


class Token:
    """`kind` is one of text left right space assign declare pipe char string raw rune number bool identifier field
    variable dot keyword paren_open paren_close eof error."""

    __slots__ = ("kind", "line", "pos", "text")

    def __init__(self, kind: str, pos: int, text: str, line: int) -> None:
        self.kind = kind
        self.pos = pos
        self.text = text
        self.line = line

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind in ("keyword", "dot"):
            return f"<{self.text}>"
        if len(self.text) > 10:
            return f"{quote(self.text[:10])}..."
        return quote(self.text)


class _Stop(Exception):
    """An error token has been emitted: the text cannot be cut any further."""


def quote(text: str) -> str:
    """Go's %q of a string."""
    special = {
        "\n": "\\n",
        "\t": "\\t",
        "\r": "\\r",
        '"': '\\"',
        "\\": "\\\\",
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\v": "\\v",
    }
    out = []
    for char in text:
        if char in special:
            out.append(special[char])
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        elif ord(char) < 0x10000:
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'


def unicode_name(char: str) -> str:
    """Go's %#U of a character."""
    return f"U+{ord(char):04X} '{char}'" if char.isprintable() else f"U+{ord(char):04X}"


def tokens(text: str) -> list[Token]:
    """Every token of the text; the last is eof, or error where the text cannot be cut."""
    lexer = _Lexer(text)
    try:
        lexer.run()
    except _Stop:
        pass
    return lexer.found


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.start = 0
        self.depth = 0
        self.found: list[Token] = []

    def run(self) -> None:
        while True:
            left = self.text.find("{{", self.pos)
            if left < 0:
                self.pos = len(self.text)
                self._emit_text(self.text[self.start :])
                self._emit("eof")
                return
            trimmed = self.text.startswith("{{-", left) and self.text[left + 3 : left + 4] in tuple(SPACES)
            body = self.text[self.start : left]
            self.pos = left
            self._emit_text(body.rstrip(SPACES) if trimmed else body)
            self._left(trimmed=trimmed)

    def _left(self, *, trimmed: bool) -> None:
        marker = 2 if trimmed else 0
        if self.text.startswith("/*", self.pos + 2 + marker):
            self._comment(self.pos + 2 + marker)
            return
        self.pos += 2
        self._emit("left")
        self.pos += marker
        self.start = self.pos
        self.depth = 0
        while not self._right():
            self._inside()

    def _comment(self, at: int) -> None:
        end = self.text.find("*/", at)
        if end < 0:
            self._fail("unclosed comment")
        self.pos = end + 2
        trimmed = self.text[self.pos : self.pos + 1] in tuple(SPACES) and self.text.startswith("-}}", self.pos + 1)
        if not trimmed and not self.text.startswith("}}", self.pos):
            self._fail("comment ends before closing delimiter")
        self.pos += 4 if trimmed else 2
        self._skip_after(trimmed=trimmed)

    def _skip_after(self, *, trimmed: bool) -> None:
        while trimmed and self.text[self.pos : self.pos + 1] in tuple(SPACES):
            self.pos += 1
        self.start = self.pos

    def _right(self) -> bool:
        """Takes a right delimiter if one stands here."""
        char = self.text[self.pos : self.pos + 1]
        trimmed = char in tuple(SPACES) and self.text.startswith("-}}", self.pos + 1)
        if not trimmed and not self.text.startswith("}}", self.pos):
            return False
        if self.depth:
            self._fail("unclosed left paren")
        if trimmed:
            self.pos += 2
            self.start = self.pos
        self.pos += 2
        self._emit("right")
        self._skip_after(trimmed=trimmed)
        return True

    def _inside(self) -> None:
        if self.pos >= len(self.text):
            self._fail("unclosed action")
        char = self.text[self.pos]
        self.pos += 1
        if char in SPACES:
            self._space()
        elif char in _SINGLE:
            self._emit(_SINGLE[char])
        elif char == ":":
            if self.text[self.pos : self.pos + 1] != "=":
                self._fail("expected :=")
            self.pos += 1
            self._emit("declare")
        elif char in "\"'`":
            self._quoted(char)
        elif char in "()":
            self._paren(char)
        else:
            self._word(char)

    def _word(self, char: str) -> None:
        following = self.text[self.pos : self.pos + 1]
        if char == "$" or (char == "." and not following.isdecimal()):
            self._name("variable" if char == "$" else "field")
        elif char in "+-." or char.isdecimal():
            self._number()
        elif char == "_" or char.isalnum():
            self._identifier()
        elif " " <= char <= "~":
            self._emit("char")
        else:
            self._fail(f"unrecognized character in action: {unicode_name(char)}")

    def _space(self) -> None:
        while self.text[self.pos : self.pos + 1] in tuple(SPACES):
            if self.text.startswith("-}}", self.pos + 1):
                break
            self.pos += 1
        self._emit("space")

    def _paren(self, char: str) -> None:
        self.depth += 1 if char == "(" else -1
        if self.depth < 0:
            self._fail("unexpected right paren")
        self._emit("paren_open" if char == "(" else "paren_close")

    def _quoted(self, mark: str) -> None:
        names = {'"': "quoted string", "`": "raw quoted string", "'": "character constant"}
        while True:
            char = self.text[self.pos : self.pos + 1]
            if char == "\\" and mark != "`":
                self.pos += 1
                char = self.text[self.pos : self.pos + 1]
                if char not in ("", "\n"):
                    self.pos += 1
                    continue
            if char == "" or (char == "\n" and mark != "`"):
                self._fail(f"unterminated {names[mark]}")
            self.pos += 1
            if char == mark:
                break
        self._emit({'"': "string", "`": "raw", "'": "rune"}[mark])

    def _name(self, kind: str) -> None:
        if self._at_end_of_word():
            self._emit("variable" if kind == "variable" else "dot")
            return
        self._scan_word()
        self._emit(kind)

    def _identifier(self) -> None:
        self._scan_word()
        word = self.text[self.start : self.pos]
        if word in KEYWORDS:
            self._emit("keyword")
        else:
            self._emit("bool" if word in ("true", "false") else "identifier")

    def _scan_word(self) -> None:
        while self.text[self.pos : self.pos + 1] == "_" or self.text[self.pos : self.pos + 1].isalnum():
            self.pos += 1
        if not self._at_end_of_word():
            self._fail(f"bad character {unicode_name(self.text[self.pos])}")

    def _at_end_of_word(self) -> bool:
        char = self.text[self.pos : self.pos + 1]
        return char == "" or char in SPACES or char in _TERMINATORS or self.text.startswith("}}", self.pos)

    def _number(self) -> None:
        while True:
            char = self.text[self.pos : self.pos + 1]
            if char == "_" or char == "." or char.isalnum() or (char in ("+", "-") and self.text[self.pos - 1] in "eE"):
                self.pos += 1
                continue
            break
        word = self.text[self.start : self.pos]
        try:
            number(word)
        except ValueError:
            self._fail(f"bad number syntax: {quote(word)}")
        self._emit("number")

    def _emit_text(self, text: str) -> None:
        if text:
            self.found.append(Token("text", self.start, text, self._line()))
        self.start = self.pos

    def _emit(self, kind: str) -> None:
        self.found.append(Token(kind, self.start, self.text[self.start : self.pos], self._line()))
        self.start = self.pos

    def _line(self) -> int:
        return 1 + self.text.count("\n", 0, self.start)

    def _fail(self, message: str) -> NoReturn:
        self.found.append(Token("error", self.start, message, self._line()))
        raise _Stop


def number(word: str) -> int | float:
    """The value of a Go number; ValueError if it is none."""
    try:
        return int(word, 0)
    except ValueError:
        if word.lstrip("+-").isdecimal():
            return int(word, 8)
        return float(word)
