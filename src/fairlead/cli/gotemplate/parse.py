"""Tokens to a tree, with the errors of Go's text/template/parse/parse.go."""

from __future__ import annotations

from fairlead.cli.gotemplate import lex, nodes
from fairlead.cli.gotemplate.errors import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import NoReturn

    from fairlead.cli.gotemplate.lex import Token

_OPERANDS = frozenset(
    ("bool", "rune", "dot", "field", "identifier", "number", "raw", "string", "variable", "paren_open")
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}


def parse(text: str, functions: Container[str]) -> tuple[list[nodes.Node], dict[str, list[nodes.Node]]]:
    """The tree of the text, and of each template defined in it."""
    parser = _Parser(text, functions)
    return parser.parse(), parser.defined


class _Parser:
    def __init__(self, text: str, functions: Container[str]) -> None:
        self.tokens = lex.tokens(text)
        self.at = 0
        self.functions = functions
        self.variables = ["$"]
        self.range_depth = 0
        self.action_line = 0
        self.defined: dict[str, list[nodes.Node]] = {}

    def parse(self) -> list[nodes.Node]:
        tree: list[nodes.Node] = []
        while self._peek().kind != "eof":
            node = self._text_or_action()
            if isinstance(node, nodes.Jump) and node.kind in ("end", "else"):
                self._fail(f"unexpected {node}")
            tree.append(node)
        return tree

    # --- tokens -----------------------------------------------------------------------------------------------

    def _next(self) -> Token:
        token = self.tokens[self.at]
        if self.at < len(self.tokens) - 1:
            self.at += 1
        return token

    def _peek(self) -> Token:
        return self.tokens[self.at]

    def _skip_space(self) -> None:
        while self.tokens[self.at].kind == "space":
            self.at += 1

    def _next_word(self) -> Token:
        self._skip_space()
        return self._next()

    def _peek_word(self) -> Token:
        self._skip_space()
        return self._peek()

    def _fail(self, message: str) -> NoReturn:
        line = self.tokens[max(self.at - 1, 0)].line if self._peek().kind != "error" else self._peek().line
        raise TemplateError(f"template: :{line}: {message}")

    def _unexpected(self, token: Token, where: str) -> NoReturn:
        if token.kind == "error":
            extra = ""
            if self.action_line and self.action_line != token.line:
                extra = f" in action started at :{self.action_line}"
                if token.text.endswith(" action"):
                    extra = extra[len(" in action") :]
            self._fail(f"{token}{extra}")
        self._fail(f"unexpected {token} in {where}")

    def _expect(self, kind: str, where: str) -> Token:
        token = self._next_word()
        if token.kind != kind:
            self._unexpected(token, where)
        return token

    # --- actions ----------------------------------------------------------------------------------------------

    def _text_or_action(self) -> nodes.Node:
        token = self._next()
        if token.kind == "text":
            return nodes.Text(token.pos, token.text)
        if token.kind != "left":
            self._unexpected(token, "input")
        self.action_line = token.line
        node = self._action()
        self.action_line = 0
        return node

    def _action(self) -> nodes.Node:
        token = self._peek_word()
        if token.kind != "keyword" or token.text == "nil":
            pipe = self._pipeline("command", "right")
            return nodes.Action(pipe.pos, pipe)
        self._next()
        if token.text in ("if", "with", "range"):
            return self._branch(token.text)
        if token.text in ("define", "block", "template"):
            return self._named(token)
        if token.text == "end":
            self._expect("right", "end")
        elif token.text == "else":
            following = self._peek_word()
            if following.kind == "keyword" and following.text in ("if", "with"):
                return nodes.Jump(token.pos, "else", chained=following.text)
            self._expect("right", "else")
        else:
            if self._peek_word().kind != "right":
                self._unexpected(self._next(), f"{{{{{token.text}}}}}")
            self._next()
            if not self.range_depth:
                self._fail(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return nodes.Jump(token.pos, token.text)

    def _named(self, token: Token) -> nodes.Node:
        name = self._next_word()
        if name.kind not in ("string", "raw"):
            self._unexpected(name, f"{token.text} clause")
        text = self._unquote(name)
        pipe = None
        if token.text == "define":
            self._expect("right", "define clause")
        elif token.text == "block" or self._peek_word().kind != "right":
            pipe = self._pipeline(f"{token.text} clause", "right")
        else:
            self._next()
        if token.text != "template":
            outer, self.variables = self.variables, ["$"]
            self.defined[text], end = self._list()
            self.variables = outer
            if end.kind != "end":
                self._fail(f"unexpected {end} in {token.text} clause")
        return nodes.Define(name.pos if token.text == "template" else token.pos, token.text, text, pipe)

    def _branch(self, kind: str) -> nodes.Branch:
        scope = len(self.variables)
        pipe = self._pipeline(kind, "right")
        self.range_depth += kind == "range"
        body, end = self._list()
        self.range_depth -= kind == "range"
        orelse: list[nodes.Node] = []
        if end.kind == "else":
            if end.chained:
                if kind == "range" or end.chained != kind:
                    self._unexpected(self._peek(), "else")
                self._next()
                orelse = [self._branch(end.chained)]
            else:
                orelse, end = self._list()
                if end.kind != "end":
                    self._fail(f"expected end; found {end}")
        del self.variables[scope:]
        return nodes.Branch(pipe.pos, kind, pipe, body, orelse)

    def _list(self) -> tuple[list[nodes.Node], nodes.Jump]:
        found: list[nodes.Node] = []
        while self._peek_word().kind != "eof":
            node = self._text_or_action()
            if isinstance(node, nodes.Jump) and node.kind in ("end", "else"):
                return found, node
            found.append(node)
        return self._fail("unexpected EOF")

    # --- values -----------------------------------------------------------------------------------------------

    def _pipeline(self, where: str, end: str) -> nodes.Pipe:
        pipe = nodes.Pipe(self._peek_word().pos)
        self._declarations(pipe, where)
        while True:
            token = self._peek_word()
            if token.kind == end:
                self._next()
                break
            if token.kind in _OPERANDS or (token.kind == "keyword" and token.text == "nil"):
                pipe.commands.append(self._command())
            else:
                self._unexpected(self._next(), where)
        if not pipe.commands:
            self._fail(f"missing value for {where}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], nodes.Literal | nodes.Dot | nodes.Nil):
                self._fail(f"non executable command in pipeline stage {stage}")
        return pipe

    def _declarations(self, pipe: nodes.Pipe, where: str) -> None:
        while self._peek_word().kind == "variable":
            back = self.at
            variable = self._next()
            following = self._peek_word()
            if following.kind in ("assign", "declare"):
                self._next()
                pipe.assigns = following.kind == "assign"
                self._declare(pipe, variable)
                return
            if following.kind != "char" or following.text != ",":
                self.at = back
                return
            self._next()
            self._declare(pipe, variable)
            if where != "range" or len(pipe.variables) >= 2:
                self._fail(f"too many declarations in {where}")
            if self._peek_word().kind not in ("variable", "right", "paren_close"):
                self._fail("range can only initialize variables")

    def _declare(self, pipe: nodes.Pipe, variable: Token) -> None:
        if pipe.assigns and variable.text not in self.variables:
            self._fail(f"undefined variable {lex.quote(variable.text)}")
        pipe.variables.append(variable.text)
        self.variables.append(variable.text)

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._peek_word().pos, [])
        while True:
            self._skip_space()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = self._peek()
            if token.kind == "space":
                continue
            if token.kind == "pipe":
                self._next()
            elif token.kind not in ("right", "paren_close"):
                self._unexpected(self._next(), "operand")
            break
        if not command.args:
            self._fail("empty command")
        return command

    def _operand(self) -> nodes.Node | None:
        node = self._term()
        if node is None or self._peek().kind != "field":
            return node
        pos = self._peek().pos
        names = []
        while self._peek().kind == "field":
            names.append(self._next().text[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(pos, node.names + names)
        if isinstance(node, nodes.Variable):
            return nodes.Variable(pos, node.names + names)
        if isinstance(node, nodes.Literal | nodes.Nil | nodes.Dot):
            self._fail(f"unexpected . after term {lex.quote(str(node))}")
        return nodes.Chain(pos, node, names)

    def _term(self) -> nodes.Node | None:
        token = self._peek_word()
        if token.kind not in _OPERANDS and not (token.kind == "keyword" and token.text == "nil"):
            return None
        self._next()
        if token.kind == "identifier":
            if token.text not in self.functions:
                self._fail(f"function {lex.quote(token.text)} not defined")
            return nodes.Function(token.pos, token.text)
        if token.kind == "variable":
            if token.text not in self.variables:
                self._fail(f"undefined variable {lex.quote(token.text)}")
            return nodes.Variable(token.pos, [token.text])
        if token.kind == "field":
            return nodes.Field(token.pos, [token.text[1:]])
        if token.kind == "paren_open":
            return self._pipeline("parenthesized pipeline", "paren_close")
        return self._constant(token)

    def _constant(self, token: Token) -> nodes.Node:
        if token.kind == "dot":
            return nodes.Dot(token.pos)
        if token.kind == "keyword":
            return nodes.Nil(token.pos)
        if token.kind == "bool":
            return nodes.Literal(token.pos, token.text == "true", token.text)
        if token.kind == "number":
            return nodes.Literal(token.pos, lex.number(token.text), token.text)
        text = self._unquote(token)
        if token.kind == "rune":
            if len(text) != 1:
                self._fail(f"malformed character constant: {token.text}")
            return nodes.Literal(token.pos, ord(text), token.text)
        return nodes.Literal(token.pos, text, token.text)

    def _unquote(self, token: Token) -> str:
        body = token.text[1:-1]
        if token.kind == "raw" or "\\" not in body:
            return body
        out, at = [], 0
        while at < len(body):
            char = body[at]
            at += 1
            if char != "\\":
                out.append(char)
                continue
            code = body[at]
            digits = {"x": 2, "u": 4, "U": 8}.get(code)
            try:
                if digits:
                    out.append(chr(int(body[at + 1 : at + 1 + digits], 16)))
                    at += 1 + digits
                elif code in "01234567":
                    out.append(chr(int(body[at : at + 3], 8)))
                    at += 3
                else:
                    out.append(_ESCAPES[code])
                    at += 1
            except (KeyError, ValueError):
                self._fail("invalid syntax")
        return "".join(out)
