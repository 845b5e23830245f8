"""The parse tree of a template. Every node knows where it stands and prints as Go's does (error texts quote it)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Node:
    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos


class Text(Node):
    __slots__ = ("text",)

    def __init__(self, pos: int, text: str) -> None:
        super().__init__(pos)
        self.text = text


class Literal(Node):
    """A number, string or bool; `source` as written."""

    __slots__ = ("source", "value")

    def __init__(self, pos: int, value: Any, source: str) -> None:
        super().__init__(pos)
        self.value = value
        self.source = source

    def __str__(self) -> str:
        return self.source


class Dot(Node):
    __slots__ = ()

    def __str__(self) -> str:
        return "."


class Nil(Node):
    __slots__ = ()

    def __str__(self) -> str:
        return "nil"


class Field(Node):
    """`.A.B`"""

    __slots__ = ("names",)

    def __init__(self, pos: int, names: list[str]) -> None:
        super().__init__(pos)
        self.names = names

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(Node):
    """`$x.A.B`: names[0] is the variable, with its dollar sign."""

    __slots__ = ("names",)

    def __init__(self, pos: int, names: list[str]) -> None:
        super().__init__(pos)
        self.names = names

    def __str__(self) -> str:
        return ".".join(self.names)


class Function(Node):
    __slots__ = ("name",)

    def __init__(self, pos: int, name: str) -> None:
        super().__init__(pos)
        self.name = name

    def __str__(self) -> str:
        return self.name


class Chain(Node):
    """Fields of a parenthesised value: `(x).A.B`"""

    __slots__ = ("names", "node")

    def __init__(self, pos: int, node: Node, names: list[str]) -> None:
        super().__init__(pos)
        self.node = node
        self.names = names

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join(f".{name}" for name in self.names)


class Command(Node):
    __slots__ = ("args",)

    def __init__(self, pos: int, args: list[Node]) -> None:
        super().__init__(pos)
        self.args = args

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


class Pipe(Node):
    __slots__ = ("assigns", "commands", "variables")

    def __init__(self, pos: int) -> None:
        super().__init__(pos)
        self.variables: list[str] = []
        self.assigns = False
        self.commands: list[Command] = []

    def __str__(self) -> str:
        body = " | ".join(str(command) for command in self.commands)
        if not self.variables:
            return body
        return f"{', '.join(self.variables)} {'=' if self.assigns else ':='} {body}"


class Action(Node):
    __slots__ = ("pipe",)

    def __init__(self, pos: int, pipe: Pipe) -> None:
        super().__init__(pos)
        self.pipe = pipe


class Branch(Node):
    """if, with or range, told apart by `kind`."""

    __slots__ = ("body", "kind", "orelse", "pipe")

    def __init__(self, pos: int, kind: str, pipe: Pipe, body: list[Node], orelse: list[Node]) -> None:
        super().__init__(pos)
        self.kind = kind
        self.pipe = pipe
        self.body = body
        self.orelse = orelse


class Jump(Node):
    """break, continue; and the markers end, else the parser stops a list at."""

    __slots__ = ("chained", "kind")

    def __init__(self, pos: int, kind: str, chained: str = "") -> None:
        super().__init__(pos)
        self.kind = kind
        self.chained = chained

    def __str__(self) -> str:
        return "{{" + self.kind + "}}"


class Define(Node):
    """A named template: `define`, `block` (which also runs it) or a `template` call of one."""

    __slots__ = ("kind", "name", "pipe")

    def __init__(self, pos: int, kind: str, name: str, pipe: Pipe | None) -> None:
        super().__init__(pos)
        self.kind = kind
        self.name = name
        self.pipe = pipe

    def __str__(self) -> str:
        body = f" {self.pipe}" if self.pipe is not None else ""
        return "{{" + f'{self.kind} "{self.name}"{body}' + "}}"
