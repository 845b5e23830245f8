"""A request as handlers see it, and the three kinds of answer: Response, Stream, Hijack."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from fairlead.api import gojson
from fairlead.api.http1 import Head
from fairlead.errors import InvalidParameter

MAX_JSON_BYTES = 32 * 1024 * 1024
JSON = "application/json"


class BodySource(Protocol):
    def body(self) -> AsyncIterator[bytes]: ...


class Request:
    """Query, headers and body of one request, with Docker's reading of flags and numbers."""

    def __init__(self, head: Head, source: BodySource) -> None:
        self.head = head
        self._source = source
        self.version: tuple[int, int] = (0, 0)
        self.params: Mapping[str, str] = {}

    def body(self) -> AsyncIterator[bytes]:
        """The body piece by piece; raises InvalidParameter when it is cut off."""
        return self._source.body()

    def text(self, name: str, default: str = "") -> str:
        values = self.head.query.get(name)
        return values[0] if values else default

    def word(self, name: str, default: str = "") -> str:
        """What becomes part of a path or a command line: the kernel's words end at a NUL."""
        text = self.text(name, default)
        if "\0" in text:
            raise InvalidParameter(f"invalid {name}: {text!r} has a NUL in it")
        return text

    def texts(self, name: str) -> list[str]:
        return list(self.head.query.get(name, ()))

    def flag(self, name: str, *, default: bool = False) -> bool:
        values = self.head.query.get(name)
        if not values:
            return default
        return values[0].strip().lower() not in ("", "0", "no", "false", "none")

    def integer(self, name: str) -> int | None:
        """The number, None if absent or empty."""
        text = self.text(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise InvalidParameter(f'strconv.Atoi: parsing "{text}": invalid syntax') from None

    async def read(self, limit: int = MAX_JSON_BYTES) -> bytes:
        data = bytearray()
        async for piece in self.body():
            data += piece
            if len(data) > limit:
                raise InvalidParameter("request body too large")
        return bytes(data)

    async def json(self) -> dict[str, Any]:
        """The JSON object in the body; an absent body is an empty object."""
        if not self.head.has_body:
            return {}
        self._check_content_type()
        data = await self.read()
        return parse_json(data)

    def _check_content_type(self) -> None:
        given = self.head.headers.get("content-type", "")
        kind = given.partition(";")[0].strip().lower()
        if not kind:
            raise InvalidParameter(f"malformed Content-Type header ({given}): mime: no media type")
        if kind != JSON:
            raise InvalidParameter(f"unsupported Content-Type header ({given}): must be 'application/json'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer of unknown length. Its head is sent at once, before the first chunk is there."""

    chunks: AsyncIterator[bytes]
    content_type: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Piped(Protocol):
    """Chunks that come out of a pipe: the kernel may carry them from there to the socket, past us."""

    @property
    def pipe(self) -> int: ...

    async def ready(self) -> int:
        """How many bytes wait in the pipe, once there are any; 0 at the end."""
        ...

    async def aclose(self) -> None: ...


class Duplex(Protocol):
    """The raw connection of a hijacked request."""

    async def read(self) -> bytes: ...

    async def write(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hijack:
    """The connection becomes a raw stream in both directions, worked by `pump` until it returns."""

    pump: Callable[[Duplex], Awaitable[None]]
    content_type: str = ""
    head: bytes = b""
    """What is answered instead of Docker's own upgrade."""


Reply = Response | Stream | Hijack
Handler = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """`path` as in Docker's documentation; `{name}` matches anything, slashes included.

    `finish`: the handler changes something, and is carried to its end even if the client hangs up.
    """

    method: str
    path: str
    handler: Handler
    finish: bool = field(default=False, kw_only=True)


def json_response(value: object, status: int = 200) -> Response:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(status=status, body=text.encode() + b"\n", content_type=JSON)


NO_CONTENT = Response(status=204)


def parse_json(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`, with the messages of Go's decoder."""
    text = data.decode(errors="replace")
    if not text.strip():
        raise InvalidParameter("invalid JSON: got EOF while reading request body")
    start = len(text) - len(text.lstrip())
    try:
        value, end = gojson.first(text, start)
    except json.JSONDecodeError as error:
        raise InvalidParameter(f"invalid JSON: {_go_syntax_error(error)}") from None
    except ValueError as error:
        raise InvalidParameter(f"invalid JSON: {error}") from None
    if text[end:].strip():
        raise InvalidParameter("unexpected content after JSON")
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = {str: "string", bool: "bool", list: "array"}.get(type(value), "number")
        raise InvalidParameter(f"invalid JSON: json: cannot unmarshal {kind} into Go value of type object")
    return value


_GO_PLACES = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Expecting ','", "after object key:value pair"),
)


def _go_syntax_error(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
        return "unexpected EOF"
    place = next((go for ours, go in _GO_PLACES if error.msg.startswith(ours)), "looking for beginning of value")
    return f"invalid character {error.doc[error.pos]!r} {place}"
