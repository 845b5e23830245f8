"""The user at a terminal: raw mode, window size, detach keys, and stdin on its way to a container.

One `poll` loop serves both directions, and neither waits for the other: a container that does not read its input may
still write.
"""

from __future__ import annotations

import fcntl
import termios
from _socket import MSG_DONTWAIT, SHUT_WR
from posix import read
from select import POLLIN, POLLOUT, poll

from fairlead.cli.streams import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Any

_CHUNK = 1 << 16
_DEFAULT_KEYS = b"\x10\x11"


class Detached(Exception):
    """The user typed the detach keys."""


def size(fd: int = 1) -> tuple[int, int]:
    """(rows, columns); zeros where there is no terminal."""
    try:
        data = fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return 0, 0
    return int.from_bytes(data[:2], "little"), int.from_bytes(data[2:4], "little")


class Raw:
    """The terminal in raw mode, put back on exit."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] = []

    def __enter__(self) -> Raw:
        try:
            self._before = termios.tcgetattr(self._fd)
        except termios.error:
            return self  # no terminal
        wanted = termios.tcgetattr(self._fd)
        wanted[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
            | termios.ICRNL | termios.IXON
        )  # fmt: skip
        wanted[1] &= ~termios.OPOST
        wanted[2] = wanted[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        wanted[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        wanted[6][termios.VMIN], wanted[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, wanted)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)


def parse_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q` → bytes; ValueError where a key is none."""
    out = bytearray()
    for key in text.split(","):
        letter = key[5:].lower()
        if len(key) == 1:
            out += key.encode()
        elif key.startswith("ctrl-") and len(letter) == 1 and letter in "@abcdefghijklmnopqrstuvwxyz[\\]^_":
            out.append(ord(letter) & 0x1F)
        else:
            raise ValueError(f"Unknown character: '{key}'")
    return bytes(out)


def keys(text: str) -> bytes:
    """As docker does: what cannot be read is replaced by the usual ctrl-p,ctrl-q."""
    try:
        return parse_keys(text) if text else _DEFAULT_KEYS
    except ValueError:
        return _DEFAULT_KEYS


class Watch:
    """Looks for the detach keys in what is typed; what may still become them is held back."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._held = b""

    def pass_on(self, data: bytes) -> bytes:
        if not self._held and self._wanted[0] not in data:
            return data
        out = bytearray()
        for number in data:
            self._held += bytes([number])
            if self._held == self._wanted:
                raise Detached
            while self._held and not self._wanted.startswith(self._held):
                out.append(self._held[0])
                self._held = self._held[1:]
        return bytes(out)


def join(sock: socket, first: bytes, output: Output, *, tty: bool, detach_keys: str) -> None:
    """stdin to the connection, the connection to stdout and stderr, until the daemon ends it. Raises Detached."""
    watch = Watch(keys(detach_keys)) if tty else None
    if first:
        output.feed(first)
    if not tty:
        _Joint(sock, output, None).run()
        return
    with Raw(0):
        _Joint(sock, output, watch).run()


class _Joint:
    def __init__(self, sock: socket, output: Output, watch: Watch | None) -> None:
        self._socket = sock
        self._output = output
        self._watch = watch
        self._waiting = b""
        self._input = True

    def run(self) -> None:
        events = poll()
        number = self._socket.fileno()
        listening = False
        while True:
            # One piece of input at a time: more is read when the last has gone.
            wanted = self._input and not self._waiting
            if wanted != listening:
                if wanted:
                    events.register(0, POLLIN)
                else:
                    events.unregister(0)
                listening = wanted
            events.register(number, POLLIN | POLLOUT if self._waiting else POLLIN)
            for fd, event in events.poll():
                if fd == 0:
                    self._take()
                    continue
                if event & POLLOUT:
                    self._send()
                if event & ~POLLOUT and not self._receive():
                    return

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(_CHUNK)
        except ConnectionResetError:
            return False
        if data:
            self._output.feed(data)
        return bool(data)

    def _take(self) -> None:
        try:
            data = read(0, _CHUNK)
        except OSError:  # EIO: the terminal is gone
            data = b""
        if not data:
            self._end_input()
            return
        self._waiting = self._watch.pass_on(data) if self._watch is not None else data
        self._send()

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._waiting, MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            self._waiting = b""
            self._input = False
            return
        self._waiting = self._waiting[sent:]

    def _end_input(self) -> None:
        """Half-close: output goes on."""
        self._input = False
        try:
            self._socket.shutdown(SHUT_WR)
        except OSError:
            pass
