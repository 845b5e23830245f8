"""HTTP/1.1 of one connection without I/O: h11 with our limits, request heads as values, response bytes.

h11 frames and checks everything except the answer to a hijack without upgrade, which is no HTTP message: a head and
then raw bytes.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qs, unquote

import h11

MAX_HEAD_BYTES = 1024 * 1024
"""Go's limit: registry credentials and filters travel in heads."""
BODILESS = (204, 304)

Headers = Iterable[tuple[str, str]]


class _Length:
    """In the place of bytes: h11 asks how many there are, and nothing else."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


class Malformed(Exception):
    """The peer does not speak HTTP, or stopped in the middle of a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    has_body: bool

    @property
    def upgrade(self) -> bool:
        return "upgrade" in self.headers

    @property
    def content_length(self) -> int | None:
        text = self.headers.get("content-length")
        return int(text) if text is not None else None


class Http1:
    """The state of one connection. `next_head`, then `next_body` until None, then the answer, then `reuse`."""

    def __init__(self, standing_headers: Headers) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._standing = list(standing_headers)
        self._method = ""

    def receive(self, data: bytes) -> None:
        """Input from the socket; empty = end of input."""
        try:
            self._connection.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise _malformed(error) from error

    def next_head(self) -> Head | None:
        """The next request; None = more input is needed. Raises EOFError when the client is done."""
        event = self._next()
        if event is h11.NEED_DATA:
            return None
        if not isinstance(event, h11.Request):
            raise EOFError
        head = parse_head(event)
        self._method = head.method
        if not head.has_body:
            self._next()
        return head

    def next_body(self) -> bytes | None:
        """A piece of the request's body, b'' = more input is needed, None = complete."""
        if self._connection.their_state is not h11.SEND_BODY:
            return None
        event = self._next()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        return b"" if event is h11.NEED_DATA else None

    @property
    def body_pending(self) -> bool:
        return self._connection.their_state is h11.SEND_BODY

    def interim(self) -> bytes:
        """`100 Continue`, if the client waits for it."""
        if not self._connection.they_are_waiting_for_100_continue:
            return b""
        return self._connection.send(h11.InformationalResponse(status_code=100, headers=[], reason="Continue")) or b""

    def head(self, status: int, headers: Headers) -> bytes:
        fields = [*self._standing, ("Date", _date()), *headers]
        return self._connection.send(h11.Response(status_code=status, headers=fields, reason=_reason(status))) or b""

    def data(self, chunk: bytes) -> bytes:
        return self._connection.send(h11.Data(data=chunk)) or b""

    def around(self, size: int) -> tuple[bytes, bytes]:
        """What goes before and behind so many bytes of the body that are sent by somebody else."""
        parts = self._connection.send_with_data_passthrough(h11.Data(data=cast(bytes, _Length(size)))) or []
        at = next(number for number, part in enumerate(parts) if isinstance(part, _Length))
        return b"".join(parts[:at]), b"".join(parts[at + 1 :])

    def end(self) -> bytes:
        return self._connection.send(h11.EndOfMessage()) or b""

    def whole(self, status: int, headers: Headers, body: bytes) -> bytes:
        """A complete answer; for HEAD the body only counts."""
        if status in BODILESS:
            return self.head(status, headers) + self.end()
        head = self.head(status, [*headers, ("Content-Length", str(len(body)))])
        return head + (self.data(body) if body and self._method != "HEAD" else b"") + self.end()

    def switch(self, content_type: str) -> bytes:
        """`101 UPGRADED`, word for word as Docker's."""
        fields = [("Content-Type", content_type), ("Connection", "Upgrade"), ("Upgrade", "tcp"), *self._standing]
        response = h11.InformationalResponse(status_code=101, headers=fields, reason="UPGRADED")
        return self._connection.send(response) or b""

    def raw_head(self, content_type: str) -> bytes:
        fields = "".join(f"{name}: {value}\r\n" for name, value in [("Content-Type", content_type), *self._standing])
        return f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode("latin-1")

    def rest(self) -> bytes:
        """Input that followed the request: the first raw bytes of a hijacked stream."""
        return bytes(self._connection.trailing_data[0])

    @property
    def can_answer(self) -> bool:
        return self._connection.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def reuse(self) -> bool:
        """Whether the connection may carry another request; prepares for it."""
        connection = self._connection
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return False
        connection.start_next_cycle()
        return True

    def _next(self) -> object:
        try:
            return self._connection.next_event()
        except h11.RemoteProtocolError as error:
            raise _malformed(error) from error


def parse_head(event: h11.Request) -> Head:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
    target = event.target.decode("latin-1")
    if not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return Head(
        method=event.method.decode("latin-1"),
        path=unquote(path) if "%" in path else path,
        query=parse_qs(query, keep_blank_values=True) if query else {},
        headers=headers,
        has_body="transfer-encoding" in headers or headers.get("content-length", "0") != "0",
    )


def _malformed(error: h11.RemoteProtocolError) -> Malformed:
    return Malformed(error.error_status_hint, str(error))


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _date() -> str:
    return _format_date(int(time.time()))


@functools.lru_cache(maxsize=2)
def _format_date(now: int) -> str:
    """RFC 9110's form. (The daemon sets no locale; email.utils would load a package.)"""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
