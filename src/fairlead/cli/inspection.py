"""`inspect`, of one kind of object or of whatever a name means."""

from __future__ import annotations

import sys

from fairlead.cli import client, jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fairlead.cli.client import Client

PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}


def run(api: Client, kind: str, refs: Sequence[str], fmt: str, *, size: bool = False, platform: str = "") -> int:
    """Prints the objects (kind "" = whatever the name means), then the errors; the exit code."""
    parsed = _template(fmt) if fmt not in ("", "json") else None
    found: list[Any] = []
    errors: list[str] = []
    for ref in refs:
        try:
            found.append(_fetch(api, kind, ref, size=size, platform=platform))
        except client.ApiError as error:
            errors.append(f"Error response from daemon: {error}")
        except LookupError:
            errors.append(f"Error: No such object: {ref}")
    if parsed is None:
        sys.stdout.write((jsontext.dumps(found) if fmt else jsontext.pretty(found)) + "\n")
    else:
        errors += _templated(parsed, found)
    sys.stdout.flush()
    sys.stderr.write("".join(f"{error}\n" for error in errors))
    return 1 if errors else 0


def _fetch(api: Client, kind: str, ref: str, *, size: bool, platform: str) -> Any:
    for each in (kind,) if kind else PATHS:
        try:
            return api.get(PATHS[each].format(ref), size=size and each == "container", platform=platform)
        except client.ApiError as error:
            if kind or error.status != 404:
                raise
    raise LookupError(ref)


def _template(fmt: str) -> Any:
    from fairlead.cli import template

    return template.Template(fmt, parse_code=64)


def _templated(parsed: Any, found: Sequence[Any]) -> list[str]:
    from fairlead.cli import template

    errors: list[str] = []
    texts: list[str] = []
    for value in found:
        try:
            texts.append(parsed.render(value) + "\n")
        except template.TemplateError as error:
            errors.append(str(error))
    sys.stdout.write("".join(texts) or "\n")
    return errors
