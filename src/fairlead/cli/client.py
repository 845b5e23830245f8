"""HTTP/1.1 to the daemon over its unix socket, by hand: importing http.client costs more than a container's start."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SHUT_WR, SOCK_CLOEXEC, SOCK_STREAM, socket

from fairlead.cli import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

API_VERSION = "1.50"
DEFAULT_HOST = "unix:///run/fairlead.sock"
_CHUNK = 1 << 16
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/:@")
_QUERY = _SAFE - {"/", ":", "@"}


class ApiError(Exception):
    """The daemon's answer was an error; its message, ready to be shown."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Refused(Exception):
    """The command cannot be done, for a reason on this side; `code` is the exit code."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class NoDaemon(Refused):
    """Nobody answers on the socket."""


def quote(text: str, safe: frozenset[str] = _SAFE) -> str:
    """Percent-encoding of a path or a query value."""
    if all(c in safe for c in text):
        return text
    return "".join(c if c in safe else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)


def query(values: dict[str, Any]) -> str:
    """`?a=b&c=1` of what is not None, False or empty; lists give a key several times, mappings are JSON."""
    parts = []
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None or item is False or item in ("", {}):
                continue
            text = "1" if item is True else jsontext.dumps(item) if isinstance(item, dict) else str(item)
            parts.append(f"{name}={quote(text, _QUERY)}")
    return f"?{'&'.join(parts)}" if parts else ""


def filters(values: list[str]) -> dict[str, list[str]]:
    """`--filter a=b`, several times → what the API takes."""
    out: dict[str, list[str]] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals:
            raise Refused(f'invalid argument "{value}" for "-f, --filter" flag: invalid filter \'{value}\'', code=125)
        out.setdefault(name.strip().lower(), []).append(rest.strip())
    return out


def mapping(values: list[str]) -> dict[str, str]:
    """`a=b` several times → a mapping."""
    return dict(value.partition("=")[::2] for value in values)


def moment(text: str) -> str:
    """A point in time as the API takes it: a duration means that long ago (`10m`); else seconds or RFC 3339 → seconds."""
    if not text:
        return ""
    import time

    units = {"s": 1, "m": 60, "h": 3600}
    if text[-1] in units and text[0].isdigit():
        total, digits = 0.0, ""
        for letter in text:
            if letter in units:
                total += float(digits or 0) * units[letter]
                digits = ""
            else:
                digits += letter
        return f"{time.time() - total:.9f}"
    if text.replace(".", "", 1).isdigit():
        return text
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f'invalid value for "since": failed to parse value as time or duration: "{text}"') from None
    return f"{(when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp():.9f}"


class Response:
    """A status, headers and a body that is read as it comes."""

    def __init__(self, sock: socket) -> None:
        self.socket = sock
        self.buffer = b""
        head = self._head()
        lines = head.split(b"\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {
            name.strip().lower().decode(): value.strip().decode()
            for name, _, value in (line.partition(b":") for line in lines[1:])
        }

    def _head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(_CHUNK)
            if not data:
                raise NoDaemon("the daemon closed the connection")
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece."""
        if self.status in (204, 304):
            return
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self._chunked()
        elif "content-length" in self.headers:
            left = int(self.headers["content-length"])
            while left:
                data = self._some(left)
                left -= len(data)
                yield data
        else:
            while data := (self.buffer or self.socket.recv(_CHUNK)):
                self.buffer = b""
                yield data

    def _some(self, limit: int) -> bytes:
        data = self.buffer or self.socket.recv(_CHUNK)
        if not data:
            raise NoDaemon("the daemon closed the connection")
        self.buffer = data[limit:]
        return data[:limit]

    def _chunked(self) -> Iterator[bytes]:
        while True:
            size = int(self._line().split(b";")[0], 16)
            if not size:
                return
            while size:
                data = self._some(size)
                size -= len(data)
                yield data
            self._line()

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(_CHUNK)
            if not data:
                raise NoDaemon("the daemon closed the connection")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def read(self) -> bytes:
        return b"".join(self.chunks())

    def close(self) -> None:
        self.socket.close()


class Client:
    """Requests to one daemon, each on a connection of its own."""

    def __init__(self, host: str, *, start: Any = None) -> None:
        self.host = host
        self._start = start

    def _connect(self) -> socket:
        if not self.host.startswith("unix://"):
            raise NoDaemon(f"unable to parse docker host `{self.host}`: only unix:// is supported")
        path = self.host.removeprefix("unix://")
        sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        try:
            sock.connect(path)
        except OSError as error:
            if self._start is not None and self._start(path):
                self._start = None
                sock.connect(path)
                return sock
            sock.close()
            if isinstance(error, PermissionError):
                raise NoDaemon(
                    f"permission denied while trying to connect to the daemon socket at {self.host}"
                ) from None
            raise NoDaemon(f"Cannot connect to the Fairlead daemon at {self.host}. Is the daemon running?") from None
        return sock

    def send(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json",
        upgrade: bool = False, versioned: bool = True,
    ) -> Response:  # fmt: skip
        """Sends a request and reads the head of the answer; no status is an error here.

        `body`: a JSON value, or an iterator of bytes that is sent as it comes.
        """
        prefix = f"/v{API_VERSION}" if versioned else ""
        head = f"{method} {prefix}{path} HTTP/1.1\r\nHost: fairlead\r\nUser-Agent: Fairlead-Client\r\n"
        if upgrade:
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        sock = self._connect()
        if body is None:
            length = "" if method in ("GET", "HEAD") else "Content-Length: 0\r\n"
            sock.sendall(f"{head}{length}\r\n".encode())
        elif hasattr(body, "__next__"):
            sock.sendall(f"{head}Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            _send_chunks(sock, body)
        else:
            data = jsontext.dumps(body).encode()
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            sock.sendall(head.encode() + data)
        return Response(sock)

    def open(self, method: str, path: str, body: Any = None, **options: Any) -> Response:
        """As `send`, but an error status raises ApiError. Other keywords make the query."""
        known = {name: options.pop(name) for name in ("content_type", "upgrade", "versioned") if name in options}
        response = self.send(method, quote(path) + query(options), body, **known)
        if response.status >= 400:
            raise _error(response)
        return response

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON value of the answer (None if it has none)."""
        response = self.open(method, path, body, **options)
        data = response.read()
        response.close()
        return jsontext.loads(data) if data.strip() else None

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, body, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.call("DELETE", path, **options)

    def stream(self, method: str, path: str, body: Any = None, **options: Any) -> Iterator[bytes]:
        """The pieces of the answer's body; an error status raises before the first."""
        return self.open(method, path, body, **options).chunks()

    def messages(self, chunks: Iterator[bytes]) -> Iterator[Any]:
        """The JSON values in a stream, one after the other, as progress and events come."""
        rest = b""
        for chunk in chunks:
            whole, feed, rest = (rest + chunk).rpartition(b"\n")
            found, _ = jsontext.values((whole + feed).decode(errors="replace"))
            yield from found
        if rest.strip():
            yield jsontext.loads(rest)

    def api_version(self) -> str:
        return API_VERSION

    def hijack(self, path: str, body: Any = None, **options: Any) -> Response:
        """An upgraded connection: what follows on its socket are raw bytes both ways."""
        return self.open("POST", path, body, upgrade=True, **options)


def _send_chunks(sock: socket, raw: Iterable[bytes]) -> None:
    try:
        for data in raw:
            if data:
                sock.sendall(b"%x\r\n" % len(data) + data + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return  # the daemon has answered before it took all: its answer says why


def _error(response: Response) -> ApiError:
    data = response.read()
    response.close()
    try:
        message = jsontext.loads(data)["message"]
    except (ValueError, KeyError, TypeError):
        message = data.decode(errors="replace").strip() or f"status {response.status}"
    return ApiError(response.status, str(message))


def finish_writing(sock: socket) -> None:
    """Half-close: output goes on."""
    try:
        sock.shutdown(SHUT_WR)
    except OSError:
        return


def host_from(environment: dict[str, str] | os._Environ[str], flag: str) -> str:
    """-H, FAIRLEAD_HOST, DOCKER_HOST, default."""
    return flag or environment.get("FAIRLEAD_HOST") or environment.get("DOCKER_HOST") or DEFAULT_HOST
