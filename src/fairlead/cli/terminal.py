"""The user's terminal: raw mode, window size, and the loop that joins it to a hijacked connection.

One `poll` loop serves everything: output of the container, the user's typing, signals, a pending `wait`.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` draws in `enum`: half of a client's start
import os
import select

from fairlead.cli import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import Any

_CHUNK = 1 << 16
_FORWARDED = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "TSTP")
_NAMES: dict[int, str] = {getattr(signal, f"SIG{name}"): name for name in _FORWARDED}


class Detached(Exception):
    """The user typed the detach keys."""


def size(fd: int = 1) -> tuple[int, int]:
    """(rows, columns); zeros where there is no terminal."""
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    return rows, columns


class Raw:
    """The terminal in raw mode, put back on exit."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: Any = None

    def __enter__(self) -> Raw:
        if os.isatty(self._fd):
            import termios
            import tty

            self._before = termios.tcgetattr(self._fd)
            tty.setraw(self._fd, termios.TCSADRAIN)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)


def parse_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q` → bytes."""
    out = bytearray()
    for key in text.split(","):
        if key.startswith("ctrl-") and len(key) == 6:
            out.append(ord(key[5].lower()) - 96 if key[5].isalpha() else ord(key[5]) & 0x1F)
        elif len(key) == 1:
            out += key.encode()
    return bytes(out)


class Session:
    """One attached connection: bytes of `sock` to stdout and stderr, stdin to `sock`."""

    def __init__(
        self, response: client.Response, *, tty: bool, stdin: bool, detach_keys: str = "",
        on_signal: Callable[[str], None] | None = None, on_resize: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._socket: socket = response.socket
        self._tty = tty
        self._frames = b"" if tty else response.buffer
        self._first = response.buffer if tty else b""
        self._stdin = stdin
        self._keys = parse_keys(detach_keys or "ctrl-p,ctrl-q") if tty and stdin else b""
        self._typed = b""
        self._on_signal = on_signal
        self._on_resize = on_resize

    def run(self) -> None:
        """Until the daemon ends the connection. Raises Detached when the user leaves."""
        wakeup_r, wakeup_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        handlers = self._catch(wakeup_w)
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        poll.register(wakeup_r, select.POLLIN)
        if self._stdin:
            poll.register(0, select.POLLIN)
        try:
            with Raw(0 if self._stdin and self._tty else -1):
                self._out(self._first)
                self._split(b"")
                while self._turn(poll, wakeup_r):
                    pass
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(wakeup_r)
            os.close(wakeup_w)

    def _catch(self, wakeup: int) -> dict[int, Any]:
        numbers = list(_NAMES) if self._on_signal is not None else []
        if self._on_resize is not None:
            numbers.append(signal.SIGWINCH)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        return before

    def _turn(self, poll: Any, wakeup: int) -> bool:
        for fd, event in poll.poll():
            if fd == self._socket.fileno():
                data = self._receive()
                if not data:
                    return False
                if self._tty:
                    self._out(data)
                else:
                    self._split(data)
            elif fd == wakeup:
                self._signals(os.read(wakeup, 64))
            elif event and not self._input():
                poll.unregister(0)
        return True

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except ConnectionResetError:
            return b""

    def _signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGWINCH:
                if self._on_resize is not None:
                    self._on_resize()
            elif self._on_signal is not None:
                self._on_signal(_NAMES[number])

    def _input(self) -> bool:
        try:
            data = os.read(0, _CHUNK)
        except OSError:
            data = b""
        try:
            if not data:
                client.finish_writing(self._socket)
                return False
            self._socket.sendall(self._screen(data))
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _screen(self, data: bytes) -> bytes:
        """What of the typing goes on; holds back the beginning of the detach keys."""
        if not self._keys:
            return data
        out = bytearray()
        for number in data:
            byte = bytes([number])
            if self._keys.startswith(self._typed + byte):
                self._typed += byte
                if self._typed == self._keys:
                    raise Detached
                continue
            out += self._typed + byte
            self._typed = b""
        return bytes(out)

    def _out(self, data: bytes, fd: int = 1) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def _split(self, data: bytes) -> None:
        """stdcopy frames: stream number, three zeros, length, bytes."""
        self._frames += data
        while len(self._frames) >= 8:
            end = 8 + int.from_bytes(self._frames[4:8], "big")
            if len(self._frames) < end:
                return
            self._out(self._frames[8:end], 2 if self._frames[0] in (2, 3) else 1)
            self._frames = self._frames[end:]
