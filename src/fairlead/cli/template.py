"""Go templates for `--format` and `inspect -f`: the door of the gotemplate package."""

from __future__ import annotations

from fairlead.cli.gotemplate import execute, functions, parse
from fairlead.cli.gotemplate.errors import TemplateError
from fairlead.cli.gotemplate.values import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Context", "Template", "TemplateError", "render"]


class Template:
    """A parsed template, to be rendered for many values. `prefix` opens every error's text; its {what} becomes
    `parse` or `execute`; the codes are the client's exit codes for one that does not parse or does not apply."""

    def __init__(
        self, text: str, *, prefix: str = "template parsing error: ", parse_code: int = 1, code: int = 1
    ) -> None:
        self._text = text
        self._prefix = prefix
        self._code = code
        try:
            self._tree, self._defined = parse.parse(text, functions.TABLE)
        except TemplateError as error:
            raise TemplateError(f"{prefix.format(what='parse')}{error}", parsing=True, code=parse_code) from None

    def render(self, value: Any) -> str:
        """The text for a JSON value or Context; TemplateError with docker's text where it does not apply."""
        return self._run(value, functions.TABLE)

    def headings(self, titles: dict[str, str]) -> str:
        """The heading line of a table: field names give their titles."""
        return self._run(titles, functions.HEADINGS)

    def _run(self, value: Any, table: dict[str, Any]) -> str:
        try:
            return execute.Execution(self._text, self._defined, table).run(self._tree, value)
        except TemplateError as error:
            raise TemplateError(f"{self._prefix.format(what='execute')}{error}", code=self._code) from None


def render(text: str, value: Any) -> str:
    """The text for one value."""
    return Template(text).render(value)
