"""What the table does not know is asked of others: the host's resolvers, or those of `--dns`.

Messages pass as they are but for a fresh id, so that EDNS, DNSSEC and truncation stay between asker and server; what
came over TCP is asked over TCP. A question waits 1.5 s for a server, has three tries in all, and ends within 4.5 s:
before its asker gives up. A server that refuses is not asked again. Sockets are bounded, one for each question:
connected, with a port of its own, so that nobody else's answer gets in. They live where Docker's do: in the asker's
namespace, where its own routes, firewall and loopback count, except to servers on the host's loopback or of one of its
links (and those of a family that the asker has not).

What an asker asks while the same question of its is under way waits for the same answer. So retransmissions cost
nothing, and a question that comes round to us (a forwarder in the container that asks us) ends in silence, not in more.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import secrets
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fairlead.network.dns import wire

_TRY_S = 1.5
_TRIES = 3
_SHUN_S = 10.0
_LIMIT = 2048
_LIMIT_EACH = 512
_SHARE = 16
"""Questions that each asker may have under way however many others have: nobody is asked out by them."""
_SIOCGIFINDEX = 0x8933
_ONGOING = (errno.EINPROGRESS, errno.EAGAIN)


@dataclass(frozen=True, slots=True)
class Server:
    """A name server, and whether the host asks it rather than the asker's own namespace."""

    address: str
    from_host: bool = False

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def connect(self, opened: socket.socket) -> int:
        """As connect_ex. The link of `fe80::1%eth0` is looked for where the socket lives."""
        address, _, link = self.address.partition("%")
        if not link:
            return opened.connect_ex((address, 53))
        index = int(link) if link.isdigit() else _index(opened, link)
        return opened.connect_ex((address, 53, 0, index))


def _index(opened: socket.socket, link: str) -> int:
    request = struct.pack("16s24x", link.encode()[:15])
    return int(struct.unpack_from("i", fcntl.ioctl(opened, _SIOCGIFINDEX, request), 16)[0])


class OpenSocket(Protocol):
    """Opens a socket in the asker's namespace."""

    def __call__(self, family: int, kind: int, /) -> socket.socket: ...


Done = Callable[[bytes | None], None]
"""Gets the answer, or None: nobody had one."""
_Key = tuple[bool, bytes]
"""Whether it came over TCP, and the question without its id."""


class Upstream:
    """All questions that wait for somebody else's answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[_Key, _Question]] = {}
        self._count = 0
        self._silent: dict[Server, float] = {}
        """Servers that did not answer lately, until when they come last."""

    def ask(
        self, asker: str, query: bytes, servers: Sequence[Server], *, stream: bool, open_socket: OpenSocket, done: Done
    ) -> None:
        """Calls `done` once, later or at once; never after `forget(asker)`."""
        own, key = self._waiting.get(asker, {}), (stream, query[2:])
        if (same := own.get(key)) is not None:
            same.join(query, done)
        elif not servers or not (len(own) < _SHARE or (len(own) < _LIMIT_EACH and self._count < _LIMIT)):
            done(None)
        else:
            question = _Question(self, asker, query, self._order(servers), stream, open_socket, done)
            self._waiting.setdefault(asker, {})[key] = question
            self._count += 1
            question.next()

    def _order(self, servers: Sequence[Server]) -> list[Server]:
        """The servers to try, in order: those that were silent lately come last."""
        if self._silent:
            now = asyncio.get_running_loop().time()
            self._silent = {server: until for server, until in self._silent.items() if until > now}
            servers = sorted(servers, key=lambda server: server in self._silent)
        return [servers[number % len(servers)] for number in range(_TRIES)]

    def forget(self, asker: str) -> None:
        """The asker is gone: what it waited for is nobody's."""
        for question in self._waiting.pop(asker, {}).values():
            question.close()
            self._count -= 1

    def end(self, question: _Question) -> None:
        own = self._waiting.get(question.asker, {})
        if own.get(question.key) is question:
            del own[question.key]
            self._count -= 1
            if not own:
                del self._waiting[question.asker]

    def shun(self, server: Server) -> None:
        self._silent[server] = asyncio.get_running_loop().time() + _SHUN_S

    def close(self) -> None:
        for asker in list(self._waiting):
            self.forget(asker)


class _Question:
    """One question on its way from server to server. Callbacks, no task: there may be a thousand."""

    def __init__(
        self, upstream: Upstream, asker: str, query: bytes, servers: Iterable[Server], stream: bool,
        open_socket: OpenSocket, done: Done,
    ) -> None:  # fmt: skip
        self.asker = asker
        self.key: _Key = (stream, query[2:])
        self._upstream = upstream
        self._query = query
        self._servers = iter(servers)
        self._server = Server("")
        self._stream = stream
        self._open_socket = open_socket
        self._waiting = [(query[:2], done)]
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._id = b""
        self._received = b""
        self._last: bytes | None = None
        """A server's refusal: better than none, if nobody answers better."""
        self._refused: set[Server] = set()

    def join(self, query: bytes, done: Done) -> None:
        """The same question once more, with an id of its own."""
        if len(self._waiting) < _LIMIT_EACH:
            self._waiting.append((query[:2], done))
        else:
            done(None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    def next(self) -> None:
        """Asks the next server, or gives up."""
        self.close()
        for server in self._servers:
            if server not in self._refused and self._try(server):
                return
        self._finish(self._last)

    def _try(self, server: Server) -> bool:
        self._server, self._received, self._id = server, b"", secrets.token_bytes(2)
        kind = socket.SOCK_STREAM if self._stream else socket.SOCK_DGRAM
        try:
            opened = socket.socket(server.family, kind) if server.from_host else self._open_socket(server.family, kind)
        except OSError:
            return False
        self._socket = opened
        opened.setblocking(False)
        try:
            code = server.connect(opened)
        except OSError:  # no such link
            code = errno.ENODEV
        if code and code not in _ONGOING:
            self.close()
            return False
        self._timer = self._loop.call_later(_TRY_S, self._silent)
        if self._stream:
            self._loop.add_writer(opened, self._connected, opened)
        elif not self._send(opened):
            self.close()
            return False
        else:
            self._loop.add_reader(opened, self._datagram, opened)
        return True

    def _message(self) -> bytes:
        return self._id + self._query[2:]

    def _send(self, opened: socket.socket) -> bool:
        try:
            return opened.send(self._message()) == len(self._query)
        except OSError:
            return False

    def _silent(self) -> None:
        self._upstream.shun(self._server)
        self.next()

    def _datagram(self, opened: socket.socket) -> None:
        try:
            reply = opened.recv(65535)
        except BlockingIOError:
            return
        except OSError:  # ICMP: nobody listens there
            self.next()
            return
        if reply[:2] == self._id and wire.same_question(self._query, reply):
            self._take(reply)

    def _connected(self, opened: socket.socket) -> None:
        self._loop.remove_writer(opened)
        message = self._message()
        try:
            sent = opened.send(struct.pack("!H", len(message)) + message)
        except OSError:
            sent = 0
        if sent != len(message) + 2:  # a question fits into any fresh socket's buffer
            self.next()
            return
        self._loop.add_reader(opened, self._bytes, opened)

    def _bytes(self, opened: socket.socket) -> None:
        try:
            data = opened.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.next()
            return
        self._received += data
        size = 2 + int.from_bytes(self._received[:2], "big")
        if len(self._received) >= max(size, 2 + 12):
            reply = self._received[2:size]
            if reply[:2] == self._id and wire.same_question(self._query, reply):
                self._take(reply)
            else:
                self.next()

    def _take(self, reply: bytes) -> None:
        if wire.code(reply) in (wire.SERVER_FAILURE, wire.REFUSED):
            self._last = reply
            self._refused.add(self._server)
            self.next()
        else:
            self.close()
            self._finish(reply)

    def _finish(self, reply: bytes | None) -> None:
        self._upstream.end(self)
        for number, done in self._waiting:
            done(None if reply is None else number + reply[2:])
