"""Runs a parsed template over a value, with the errors of Go's text/template/exec.go."""

from __future__ import annotations

from fairlead.cli.gotemplate import functions, lex, nodes, values
from fairlead.cli.gotemplate.errors import CallError, TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

_ABSENT = object()
MAX_DEPTH = 1000


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Execution:
    """One run of one template."""

    def __init__(
        self,
        text: str,
        defined: dict[str, list[nodes.Node]],
        table: dict[str, Callable[..., Any]],
    ) -> None:
        self.text = text
        self.defined = defined
        self.table = table
        self.out: list[str] = []
        self.variables: list[tuple[str, Any]] = []
        self.depth = 0
        self.plain = False

    def run(self, tree: list[nodes.Node], value: Any) -> str:
        self.variables = [("$", value)]
        self.plain = isinstance(value, values.Context)
        self._walk(tree, value)
        return "".join(self.out)

    def _fail(self, node: nodes.Node, message: str) -> NoReturn:
        before = self.text[: node.pos]
        line = 1 + before.count("\n")
        column = len(before.encode()) if line == 1 else len(before[before.rindex("\n") + 1 :].encode())
        raise TemplateError(f'template: :{line}:{column}: executing "" at <{node}>: {message}')

    # --- statements -------------------------------------------------------------------------------------------

    def _walk(self, tree: list[nodes.Node], dot: Any) -> None:
        for node in tree:
            if isinstance(node, nodes.Text):
                self.out.append(node.text)
            elif isinstance(node, nodes.Action):
                value = self._pipe(node.pipe, dot)
                if not node.pipe.variables:
                    self.out.append(values.show(value))
            elif isinstance(node, nodes.Branch):
                scope = len(self.variables)
                self._range(node, dot) if node.kind == "range" else self._choose(node, dot)
                del self.variables[scope:]
            elif isinstance(node, nodes.Jump):
                raise _Break if node.kind == "break" else _Continue
            elif isinstance(node, nodes.Define) and node.kind != "define":
                self._call_template(node, dot)

    def _choose(self, node: nodes.Branch, dot: Any) -> None:
        value = self._pipe(node.pipe, dot)
        if values.truth(value):
            self._walk(node.body, value if node.kind == "with" else dot)
        else:
            self._walk(node.orelse, dot)

    def _range(self, node: nodes.Branch, dot: Any) -> None:
        value = self._pipe(node.pipe, dot)
        scope = len(self.variables) - len(node.pipe.variables)
        ran = False
        for key, item in self._items(node, value):
            ran = True
            names = node.pipe.variables
            pairs = [(names[0], item)] if len(names) == 1 else list(zip(names, (key, item), strict=False))
            if node.pipe.assigns:
                for name, bound in pairs:
                    self._assign(name, bound)
            else:
                self.variables[scope:] = pairs
            mark = len(self.variables)
            try:
                self._walk(node.body, item)
            except _Break:
                break
            except _Continue:
                pass
            finally:
                del self.variables[mark:]
        if not ran:
            self._walk(node.orelse, dot)

    def _items(self, node: nodes.Branch, value: Any) -> Iterator[tuple[Any, Any]]:
        if value is None or isinstance(value, values.NoValue):
            return
        if isinstance(value, dict):
            for key in sorted(value):
                yield key, value[key]
        elif isinstance(value, list | tuple):
            yield from enumerate(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield from ((number, number) for number in range(value))
        else:
            self._fail(node.pipe.commands[-1].args[0], f"range can't iterate over {values.show(value)}")

    def _call_template(self, node: nodes.Define, dot: Any) -> None:
        if node.name not in self.defined:
            self._fail(node, f"template {lex.quote(node.name)} not defined")
        value = self._pipe(node.pipe, dot) if node.pipe is not None else values.NO_VALUE
        if self.depth >= MAX_DEPTH // 10:
            raise TemplateError("template: exceeded maximum template depth (100000)")
        self.depth += 1
        outer, self.variables = self.variables, [("$", value)]
        self._walk(self.defined[node.name], value)
        self.variables = outer
        self.depth -= 1

    def _assign(self, name: str, value: Any) -> None:
        for at in range(len(self.variables) - 1, -1, -1):
            if self.variables[at][0] == name:
                self.variables[at] = (name, value)
                return

    # --- values -----------------------------------------------------------------------------------------------

    def _pipe(self, pipe: nodes.Pipe, dot: Any) -> Any:
        value: Any = _ABSENT
        for command in pipe.commands:
            value = self._command(command, dot, value)
        for name in pipe.variables:
            if pipe.assigns:
                self._assign(name, value)
            else:
                self.variables.append((name, value))
        return value

    def _command(self, command: nodes.Command, dot: Any, final: Any) -> Any:
        first = command.args[0]
        if isinstance(first, nodes.Function):
            return self._function(command, first, dot, final)
        if isinstance(first, nodes.Field):
            return self._fields(first, first.names, dot, command.args[1:], dot, final)
        if isinstance(first, nodes.Chain):
            inner = self._value(first.node, dot)
            return self._fields(first, first.names, inner, command.args[1:], dot, final)
        if isinstance(first, nodes.Variable):
            value = self._variable(first)
            return self._fields(first, first.names[1:], value, command.args[1:], dot, final)
        if len(command.args) > 1 or final is not _ABSENT:
            self._fail(first, f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            self._fail(first, "nil is not a command")
        return self._value(first, dot)

    def _value(self, node: nodes.Node, dot: Any) -> Any:
        if isinstance(node, nodes.Literal):
            return node.value
        if isinstance(node, nodes.Dot):
            return dot
        if isinstance(node, nodes.Nil):
            return None
        if isinstance(node, nodes.Pipe):
            return self._pipe(node, dot)
        return self._command(nodes.Command(node.pos, [node]), dot, _ABSENT)

    def _variable(self, node: nodes.Variable) -> Any:
        for name, value in reversed(self.variables):
            if name == node.names[0]:
                return value
        return self._fail(node, f"undefined variable: {node.names[0]}")

    def _fields(
        self, node: nodes.Node, names: list[str], value: Any, args: list[nodes.Node], dot: Any, final: Any
    ) -> Any:
        extra = len(args) + (final is not _ABSENT)
        if not names:
            if extra:
                self._fail(node, f"can't give argument to non-function {node}")
            return value
        for name in names[:-1]:
            value = self._field(node, name, value, inner=True)
        if extra:
            method = value.get(names[-1]) if isinstance(value, values.Context) else None
            if not callable(method):
                self._fail(node, f"{names[-1]} is not a method but has arguments")
            return method(*[self._value(arg, dot) for arg in args], *([] if final is _ABSENT else [final]))
        return self._field(node, names[-1], value)

    def _field(self, node: nodes.Node, name: str, value: Any, *, inner: bool = False) -> Any:
        """One field of a value; `inner`: another follows, so a field left out of the JSON is missing."""
        if isinstance(value, values.Context):
            if name not in value:
                self._fail(node, f"can't evaluate field {name} in type {value.go_type}")
            found = value[name]
            if callable(found):
                self._fail(node, f"wrong number of args for {name}: want 1 got 0")
            return values.typed(name, found)
        if isinstance(value, dict):
            if name in value:
                return values.typed(name, value[name])
            if isinstance(value, values.GoMap):
                return values.NO_VALUE
            if values.SPELLINGS.get(name) in value:
                return values.typed(name, value[values.SPELLINGS[name]])
            if name in values.OMITTED and not inner and values.is_struct(value):
                return values.typed(name, values.OMITTED[name])
            self._fail(node, f"map has no entry for key {lex.quote(name)}")
        if value is None or isinstance(value, values.NoValue):
            self._fail(node, f"nil data; no entry for key {lex.quote(name)}")
        kind = values.go_type(value) if self.plain or isinstance(node, nodes.Chain) else "interface {}"
        return self._fail(node, f"can't evaluate field {name} in type {kind}")

    def _function(self, command: nodes.Command, node: nodes.Function, dot: Any, final: Any) -> Any:
        args = command.args[1:]
        if node.name in ("and", "or"):
            return self._shortcut(node, args, dot, final)
        given = [self._value(arg, dot) for arg in args]
        if final is not _ABSENT:
            given.append(final)
        least, most = functions.arity(node.name)
        if len(given) < least or (most is not None and len(given) > most):
            wanted = f"at least {least}" if most is None else str(least)
            self._fail(node, f"wrong number of args for {node.name}: want {wanted} got {len(given)}")
        self._check(node.name, command.args[1:] or [node], given)
        try:
            return self.table[node.name](*given)
        except CallError as error:
            return self._fail(command, f"error calling {node.name}: {error}")

    def _check(self, name: str, nodes_given: list[nodes.Node], given: list[Any]) -> None:
        """Arguments fit the function's Go signature; the executor says so, not the function."""
        kinds = {"string": str, "int": int, "[]string": list}
        for at, wanted in enumerate(functions.PARAMETERS.get(name, ())[: len(given)]):
            value = given[at]
            if isinstance(value, kinds[wanted]) and not isinstance(value, bool):
                continue
            node = nodes_given[min(at, len(nodes_given) - 1)]
            if isinstance(node, nodes.Literal):
                self._fail(node, f"expected {'integer' if wanted == 'int' else wanted}; found {node}")
            if value is None or isinstance(value, values.NoValue):
                self._fail(node, f"invalid value; expected {wanted}")
            self._fail(node, f"wrong type for value; expected {wanted}; got {values.go_type(value)}")

    def _shortcut(self, node: nodes.Function, args: list[nodes.Node], dot: Any, final: Any) -> Any:
        if not args and final is _ABSENT:
            self._fail(node, f"wrong number of args for {node.name}: want at least 1 got 0")
        value: Any = None
        for arg in args:
            value = self._value(arg, dot)
            if values.truth(value) == (node.name == "or"):
                return value
        return value if final is _ABSENT else final
