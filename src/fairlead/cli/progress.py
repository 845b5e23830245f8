"""Shows how long work goes on: the JSON progress messages of build, load, import, pull and push, one line after the
other, or, on a terminal, a line for each layer that is rewritten in place; and the bytes of what is sent."""

from __future__ import annotations

import time

from fairlead.cli import units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TextIO

    Message = dict[str, Any]

_BOX = 50
_WIDE = 200
_EVERY_S = 0.1


class ProgressError(Exception):
    """The stream ended with an error message; `code` is a failed command's exit code, or 1."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def show(messages: Iterable[Message], out: TextIO, *, terminal: bool, aux: Callable[[Any], None] | None = None) -> None:
    """Writes them as they come (the client flushes before it waits); ProgressError at an error message. `aux` gets what
    is meant for the program."""
    try:
        _show(messages, out, terminal, aux)
    finally:
        out.flush()


def _show(messages: Iterable[Message], out: TextIO, terminal: bool, aux: Callable[[Any], None] | None) -> None:
    lines = _Lines(out)
    for message in messages:
        _raise(message)
        if "aux" in message and message["aux"] is not None:
            if aux is not None:
                aux(message["aux"])
            continue
        identifier = message.get("id") or ""
        detail = message.get("progressDetail") or {}
        if not terminal:
            if not _bar(detail, _WIDE):
                out.write(_line(message))
        elif identifier and ("progressDetail" in message or identifier in lines):
            lines.put(identifier, _line(message, _bar(detail, lines.columns)).rstrip("\n"))
        else:
            lines.forget()
            out.write(_line(message))


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


class _Lines:
    """The lines of layers at the end of a terminal, the cursor below them."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._at: dict[str, int] = {}

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._at

    @property
    def columns(self) -> int:
        return _size(self._out)[1]

    def forget(self) -> None:
        """What is there stays as it is."""
        self._at.clear()

    def put(self, identifier: str, text: str) -> None:
        rows, columns = _size(self._out)
        text = text[: columns - 1]  # a line that wraps would be two, and all above it one off
        if identifier not in self._at:
            self._at[identifier] = len(self._at)
            self._out.write(f"{text}\x1b[K\r\n")
            return
        up = len(self._at) - self._at[identifier]
        if up < rows:  # what has left the screen at the top is out of the cursor's reach
            self._out.write(f"\x1b[{up}A\r{text}\x1b[K\r\x1b[{up}B")


def _size(out: TextIO) -> tuple[int, int]:
    """(rows, columns), as they are now."""
    from fairlead.cli import terminal

    try:
        rows, columns = terminal.size(out.fileno())
    except OSError:
        rows = columns = 0
    return rows or 24, columns or 80


class Sending:
    """A body on its way to the daemon, whose bytes are told on a terminal while they go: `label  1.2MB`, with a bar
    where the `total` is known. Elsewhere nothing is said."""

    def __init__(self, chunks: Iterable[bytes], label: str, out: TextIO, *, total: int = 0) -> None:
        self.size = 0
        self._chunks = chunks
        self._label = label
        self._out = out
        self._total = total

    def __iter__(self) -> Iterator[bytes]:
        terminal = self._out.isatty()
        due = 0.0
        try:
            for chunk in self._chunks:
                yield chunk
                self.size += len(chunk)
                if terminal and (now := time.monotonic()) >= due:
                    due = now + _EVERY_S
                    self._tell()
        finally:  # also where the daemon does not want the rest
            if due:
                self._out.write("\r\x1b[K")
                self._out.flush()

    def _tell(self) -> None:
        columns = _size(self._out)[1]
        text = f"{self._label}  {_bar({'current': self.size, 'total': self._total}, columns).strip()}"
        self._out.write(f"\r{text[: columns - 1]}\x1b[K")
        self._out.flush()


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
