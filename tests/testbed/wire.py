"""A client that speaks to the daemon in bytes: for what happens to a connection rather than what is in an answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any, Self

from testbed.engine import Engine


class Wire:
    """One connection."""

    def __init__(self, engine: Engine, *, timeout_s: float = 15) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self._timeout_s = timeout_s
        self.socket.settimeout(timeout_s)
        self.socket.connect(str(engine.socket))
        self._seen = b""

    def ask(self, method: str, path: str, body: Any = None, *headers: str) -> tuple[int, dict[str, str]]:
        """Sends a request; status and headers of the answer, without its body."""
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: docker", *headers]
        if data:
            lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        return self.head()

    def hijack(self, path: str, body: Any = None) -> tuple[int, dict[str, str]]:
        return self.ask("POST", path, body, "Connection: Upgrade", "Upgrade: tcp")

    def head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._seen:
            self._more()
        text, _, self._seen = self._seen.partition(b"\r\n\r\n")
        first, *lines = text.decode().split("\r\n")
        return int(first.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(self._seen)
        self._seen += data

    def exactly(self, count: int) -> bytes:
        while len(self._seen) < count:
            self._more()
        data, self._seen = self._seen[:count], self._seen[count:]
        return data

    def until(self, text: bytes) -> bytes:
        """Everything up to and with `text`."""
        while text not in self._seen:
            self._more()
        before, _, self._seen = self._seen.partition(text)
        return before + text

    def skip(self, text: bytes) -> int:
        """Drops everything up to and with `text`; how many bytes that was."""
        dropped = 0
        while text not in self._seen:
            dropped += max(len(self._seen) - len(text), 0)
            self._seen = self._seen[-len(text) :]
            self._more()
        before, _, self._seen = self._seen.partition(text)
        return dropped + len(before) + len(text)

    @property
    def silent(self) -> bool:
        """Whether nothing has come that was not read."""
        self.socket.setblocking(False)
        try:
            return not self._seen and not self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(self._timeout_s)

    def rest(self) -> bytes:
        """Everything to the end."""
        try:
            while True:
                self._more()
        except EOFError:
            data, self._seen = self._seen, b""
            return data

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """stdcopy frames to the end."""
        while self._seen or self._fill():
            head = self.exactly(8)
            assert head[1:4] == b"\0\0\0", head
            yield head[0], self.exactly(int.from_bytes(head[4:], "big"))

    def _fill(self) -> bool:
        try:
            self._more()
        except EOFError:
            return False
        return True

    def body(self) -> bytes:
        """A chunked body."""
        out = b""
        while size := int(self.until(b"\r\n"), 16):
            out += self.exactly(size + 2)[:-2]
        self.exactly(2)
        return out

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end_input(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
