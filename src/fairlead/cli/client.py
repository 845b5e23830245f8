"""HTTP/1.1 to the daemon over its unix socket, by hand: importing http.client costs more than a container's start."""

from __future__ import annotations

import sys
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket

from fairlead.cli import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

API_VERSION = "1.50"
DEFAULT_HOST = "unix:///run/fairlead.sock"
_CHUNK = 1 << 16
_STANDING = "Host: fairlead\r\nUser-Agent: Fairlead-Client\r\n"
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/:@")
_QUERY = _SAFE - {"/", ":", "@"}


class ApiError(Exception):
    """The daemon's answer was an error; its message, ready to be shown."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Refused(Exception):
    """The command cannot be done, for a reason on this side; `code` is the exit code. `bare`: also `run` says it
    without its hint at the help, and exits with that code."""

    def __init__(self, message: str, *, code: int = 1, bare: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.bare = bare


class Misuse(Exception):
    """Flags that do not go together, or a value that cannot be; docker adds a hint at the help, and exits with 125."""


class NoDaemon(Refused):
    """Nobody answers on the socket."""


class Closed(NoDaemon):
    """The daemon ended the connection amid an answer."""


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
            raise Refused(f'invalid argument "{value}": bad format of filter (expected name=value)', code=125)
        out.setdefault(name.strip().lower(), []).append(rest.strip())
    return out


def mapping(values: list[str]) -> dict[str, str]:
    """`a=b` several times → a mapping."""
    return dict(value.partition("=")[::2] for value in values)


def moment(text: str, flag: str) -> str:
    """A point in time as the API takes it: seconds, of a duration (that long ago), of RFC 3339, or as they are."""
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
        prefix = f'invalid value for "{flag}": ' if flag else ""
        raise Refused(f'{prefix}failed to parse value as time or duration: "{text}"') from None
    return f"{(when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp():.9f}"


class Response:
    """A status, headers and a body that is read as it comes."""

    def __init__(self, sock: socket) -> None:
        self.socket = sock
        self.buffer = b""
        lines = self._head().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }

    def _head(self) -> str:
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
        return head.decode("latin-1")

    def _more(self) -> None:
        if sys.stdout is not None:
            sys.stdout.flush()  # what the body said so far is seen before we wait for more
        try:
            data = self.socket.recv(_CHUNK)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed("the daemon closed the connection")
        self.buffer += data

    @property
    def lasts(self) -> bool:
        """Whether the connection takes another request after this answer."""
        return self.headers.get("connection", "").lower() != "close"

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
            self.headers["connection"] = "close"
            while data := (self.buffer or self.socket.recv(_CHUNK)):
                self.buffer = b""
                yield data

    def _some(self, limit: int) -> bytes:
        if not self.buffer:
            self._more()
        data, self.buffer = self.buffer[:limit], self.buffer[limit:]
        return data

    def _chunked(self) -> Iterator[bytes]:
        while True:
            size = int(self._line().split(b";")[0], 16)
            if not size:
                self._line()
                return
            while size:
                data = self._some(size)
                size -= len(data)
                yield data
            self._line()

    def _line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            self._more()
        line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
        return line

    def read(self) -> bytes:
        return b"".join(self.chunks())

    def close(self) -> None:
        self.socket.close()


class Pending:
    """A request that was sent; its answer is read when asked for."""

    def __init__(self, api: Client, sock: socket, again: bytes) -> None:
        self._api = api
        self._socket = sock
        self._again = again

    def response(self) -> Response:
        """Any status."""
        try:
            return Response(self._socket)
        except Closed:
            if not self._again:
                raise
        # The daemon had closed the used connection between two requests: it saw nothing of this one.
        self._socket.close()
        self._socket = self._api.connect()
        self._socket.sendall(self._again)
        return Response(self._socket)

    def answer(self) -> Response:
        """An error status raises ApiError."""
        response = self.response()
        if response.status >= 400:
            raise _error(response)
        return response


class Client:
    """Requests to one daemon. A connection whose answer was read to its end is used again."""

    def __init__(self, host: str, *, start: Callable[[str], bool] | None = None) -> None:
        self.host = host
        self._start = start
        self._idle: socket | None = None

    def connect(self) -> socket:
        path = self.host.removeprefix("unix://")
        if self.host.startswith("ssh://"):
            from fairlead.cli import sshhost

            return sshhost.connect(self.host)
        if path == self.host:
            raise NoDaemon(f"unable to parse docker host `{self.host}`: only unix:// and ssh:// are supported")
        sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        try:
            sock.connect(path)
        except PermissionError as error:
            sock.close()
            raise NoDaemon(
                f"permission denied while trying to connect to the Fairlead daemon socket at {self.host}: "
                f"dial unix {path}: connect: {(error.strerror or '').lower()}"
            ) from None
        except OSError:
            sock.close()
            start, self._start = self._start, None
            if start is not None and start(path):
                return self.connect()
            raise NoDaemon(
                f"Cannot connect to the Fairlead daemon at {self.host}. Is the fairlead daemon running?"
            ) from None
        return sock

    def begin(
        self, method: str, path: str, /, body: Any = None, *, content_type: str = "application/json",
        upgrade: bool = False, versioned: bool = True, headers: dict[str, str] | None = None, **options: Any,
    ) -> Pending:  # fmt: skip
        """Sends a request. Other keywords make the query. `body`: a JSON value, or an iterator of bytes that is sent as
        it comes."""
        prefix = f"/v{API_VERSION}" if versioned else ""
        head = f"{method} {prefix}{quote(path)}{query(options)} HTTP/1.1\r\n{_STANDING}"
        head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        if upgrade:
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        if body is not None and hasattr(body, "__next__"):
            sock = self.connect()
            sock.sendall(f"{head}Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            _send_chunks(sock, body)
            return Pending(self, sock, b"")
        data = b"" if body is None else jsontext.dumps(body).encode()
        if body is not None:
            head += "Content-Type: application/json\r\n"
        if data or method == "POST":
            head += f"Content-Length: {len(data)}\r\n"
        return self._send(f"{head}\r\n".encode() + data)

    def _send(self, message: bytes) -> Pending:
        used, self._idle = self._idle, None
        if used is not None:
            try:
                used.sendall(message)
            except OSError:
                used.close()
            else:
                return Pending(self, used, message)
        fresh = self.connect()
        try:
            fresh.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            pass  # its answer says why, if there is one
        return Pending(self, fresh, b"")

    def open(self, method: str, path: str, /, body: Any = None, **options: Any) -> Response:
        """The answer, read up to its body; an error status raises ApiError."""
        return self.begin(method, path, body, **options).answer()

    def call(self, method: str, path: str, /, body: Any = None, **options: Any) -> Any:
        """The JSON value of the answer (None if it has none)."""
        response = self.open(method, path, body, **options)
        data = response.read()
        if response.lasts and self._idle is None:
            self._idle = response.socket
        else:
            response.close()
        return jsontext.loads(data) if data.strip() else None

    def get(self, path: str, /, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, /, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, body, **options)

    def delete(self, path: str, /, **options: Any) -> Any:
        return self.call("DELETE", path, **options)

    def stream(self, method: str, path: str, /, body: Any = None, **options: Any) -> Iterator[bytes]:
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


def _send_chunks(sock: socket, raw: Iterable[bytes]) -> None:
    try:
        for data in _gathered(raw):
            sock.sendall(b"%x\r\n" % len(data) + data + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return  # the daemon has answered before it took all: its answer says why


def _gathered(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces together: each chunk costs both sides more than its bytes do."""
    waiting, size = [], 0
    for data in raw:
        waiting.append(data)
        size += len(data)
        if size >= _CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _error(response: Response) -> ApiError:
    data = response.read()
    response.close()
    try:
        message = jsontext.loads(data)["message"]
    except (ValueError, KeyError, TypeError):
        message = data.decode(errors="replace").strip() or f"status {response.status}"
    return ApiError(response.status, str(message).strip())
