"""What goes wrong in a template, in Go's words."""

from __future__ import annotations


class TemplateError(ValueError):
    """A template that does not parse or does not execute; its text is Go's."""

    def __init__(self, text: str, *, parsing: bool = False, code: int = 1) -> None:
        super().__init__(text)
        self.parsing = parsing
        self.code = code


class CallError(ValueError):
    """A function refused its arguments; the executor adds where and which."""
