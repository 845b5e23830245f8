"""Shows the JSON progress messages of build, load, import and pull: one line after another, or, on a terminal, a line
for each layer that is rewritten in place."""

from __future__ import annotations

from fairlead.cli import units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TextIO

    Message = dict[str, Any]

_BOX = 50


class ProgressError(Exception):
    """The stream ended with an error message; `code` is a failed command's exit code, or 1."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def show(messages: Iterable[Message], out: TextIO, *, terminal: bool, aux: Callable[[Any], None] | None = None) -> None:
    """Writes them as they come; ProgressError at an error message. `aux` gets what is meant for the program."""
    lines: dict[str, int] = {}
    for message in messages:
        _raise(message)
        if "aux" in message and message["aux"] is not None:
            if aux is not None:
                aux(message["aux"])
            continue
        identifier = message.get("id") or ""
        detail = message.get("progressDetail") or {}
        if not terminal:
            if not _bar(detail, 200):
                out.write(_line(message))
        elif identifier and ("progressDetail" in message or identifier in lines):
            _rewrite(out, lines, identifier, _line(message, _bar(detail, _width())).rstrip("\n"))
        else:
            lines.clear()
            out.write(_line(message))
        out.flush()


def _raise(message: Message) -> None:
    detail = message.get("errorDetail")
    if detail:
        raise ProgressError(detail.get("message") or message.get("error") or "", detail.get("code") or 1)
    if message.get("error"):
        raise ProgressError(message["error"])


def _line(message: Message, bar: str = "") -> str:
    if message.get("stream"):
        return str(message["stream"])
    head = f"{message['id']}: " if message.get("id") else ""
    return f"{head}{message.get('status') or ''}{' ' + bar if bar else ''}\n"


def _rewrite(out: TextIO, lines: dict[str, int], identifier: str, text: str) -> None:
    if identifier not in lines:
        lines[identifier] = len(lines)
        out.write(f"{text}\x1b[K\r\n")
        return
    up = len(lines) - lines[identifier]
    out.write(f"\x1b[{up}A\r{text}\x1b[K\r\x1b[{up}B")


def _bar(detail: Message, width: int) -> str:
    """`[====>    ]  1.05MB/5.2MB`; nothing where nothing is known."""
    current, total = detail.get("current") or 0, detail.get("total") or 0
    if current <= 0 and total <= 0:
        return ""
    if detail.get("units"):
        done = str(current)
        return f"{done}/{total} {detail['units']}" if total > 0 else f"{done} {detail['units']}"
    if total <= 0:
        return f"{units.size(current):>8}"
    box = ""
    if width > 110:
        share = min(current * 100 // total, 100) // 2
        box = "[" + "=" * share + ">" + " " * (_BOX - share) + "] "
    numbers = f"{units.size(current):>8}" + (f"/{units.size(total)}" if current <= total else "")
    return box + numbers


def _width() -> int:
    import os

    try:
        return os.get_terminal_size().columns
    except OSError:
        return 80
