"""A container's output on its way to the user: stdcopy frames, and the connection that is read to its end."""

from __future__ import annotations

from posix import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_CHUNK = 1 << 16
_SYSTEM_ERROR = 3


def put(fd: int, data: bytes) -> None:
    """Writes all of it, past Python's buffers."""
    written = write(fd, data)
    while written < len(data):
        data = data[written:]
        written = write(fd, data)


class Output:
    """Takes what a connection brings, raw (a terminal's) or framed, and writes it to stdout and stderr."""

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw
        self._rest = b""

    def feed(self, data: bytes) -> None:
        if self._raw:
            put(1, data)
            return
        data = self._rest + data if self._rest else data
        at = 0
        ready: list[bytes] = []
        fd = 1
        while len(data) - at >= 8:
            end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
            if end > len(data):
                break
            stream = 1 if data[at] < 2 else 2
            if stream != fd and ready:
                put(fd, b"".join(ready))
                ready = []
            fd = stream
            payload = data[at + 8 : end]
            ready.append(b"error from daemon in stream: " + payload if data[at] == _SYSTEM_ERROR else payload)
            at = end
        if ready:
            put(fd, b"".join(ready))
        self._rest = data[at:]


def drain(sock: socket, first: bytes, output: Output) -> None:
    """Until the daemon ends the connection. Handlers of signals run in between."""
    if first:
        output.feed(first)
    try:
        while data := sock.recv(_CHUNK):
            output.feed(data)
    except ConnectionResetError:
        return
