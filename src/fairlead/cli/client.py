"""HTTP/1.1 to the daemon over its unix socket, by hand: importing http.client costs more than a container's start."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SHUT_WR, SOCK_CLOEXEC, SOCK_STREAM, socket

from fairlead.cli import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

VERSION = "1.50"
DEFAULT_HOST = "unix:///run/fairlead.sock"
_CHUNK = 1 << 16
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")


class ApiError(Exception):
    """The daemon's answer was an error; its message, ready to be shown."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NoDaemon(Exception):
    """Nobody answers on the socket."""


def quote(text: str, safe: frozenset[str] = _SAFE) -> str:
    """Percent-encoding of a path or a query value."""
    if all(c in safe for c in text):
        return text
    return "".join(c if c in safe else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)


_QUERY = _SAFE - {"/"}


def query(**values: Any) -> str:
    """`?a=b&c=1` of what is not None, False or empty; lists give a key several times."""
    parts = []
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None or item is False or item == "":
                continue
            text = "1" if item is True else str(item)
            parts.append(f"{name.rstrip('_')}={quote(text, _QUERY)}")
    return f"?{'&'.join(parts)}" if parts else ""


def filters(values: list[str]) -> str | None:
    """`--filter a=b` → the JSON that the API takes."""
    if not values:
        return None
    out: dict[str, dict[str, bool]] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals:
            raise ApiError(400, f'invalid argument "{value}" for "-f, --filter" flag: bad format of filter '
                                "(expected name=value)")  # fmt: skip
        out.setdefault(name.strip().lower(), {})[rest.strip()] = True
    return jsontext.dumps(out)


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

    def messages(self) -> Iterator[Any]:
        """JSON values one after the other, as progress and events come."""
        rest = ""
        for chunk in self.chunks():
            found, rest = jsontext.values(rest + chunk.decode(errors="replace"))
            yield from found
        if rest.strip():
            yield jsontext.loads(rest)

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
                raise NoDaemon(f"permission denied while trying to connect to the daemon socket at {self.host}") from None
            raise NoDaemon(f"Cannot connect to the Fairlead daemon at {self.host}. Is the daemon running?") from None
        return sock

    def send(
        self, method: str, path: str, body: Any = None, *, raw: Iterable[bytes] | None = None,
        content_type: str = "application/x-tar", headers: str = "", upgrade: bool = False,
    ) -> Response:  # fmt: skip
        """Sends a request and reads the head of the answer; no status is an error here."""
        sock = self._connect()
        head = f"{method} /v{VERSION}{path} HTTP/1.1\r\nHost: api.fairlead.localhost\r\nUser-Agent: Fairlead-Client\r\n{headers}"
        if upgrade:
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        if raw is not None:
            sock.sendall(f"{head}Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            _send_chunks(sock, raw)
        elif body is not None:
            data = jsontext.dumps(body).encode()
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            sock.sendall(head.encode() + data)
        else:
            length = "" if method in ("GET", "HEAD") else "Content-Length: 0\r\n"
            sock.sendall(f"{head}{length}\r\n".encode())
        return Response(sock)

    def open(self, method: str, path: str, body: Any = None, **options: Any) -> Response:
        """As `send`, but an error status raises ApiError."""
        response = self.send(method, path, body, **options)
        if response.status >= 400:
            raise _error(response)
        return response

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON value of the answer (None if it has none)."""
        response = self.open(method, path, body, **options)
        data = response.read()
        response.close()
        return jsontext.loads(data) if data.strip() else None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def hijack(self, path: str, body: Any = None) -> Response:
        """An upgraded connection: what follows on its socket are raw bytes both ways."""
        response = self.send("POST", path, body, upgrade=True)
        if response.status not in (101, 200):
            raise _error(response)
        return response


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
