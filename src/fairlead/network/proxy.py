"""Carries what reaches a host port to a container where the kernel does not: [::] to a container that has only IPv4,
what comes from [::1] or a link-local address (the kernel sends neither on), and every port that is to be seen by the
host's INPUT rules (publish mode `forward`).

Nothing is queued here: bytes are bounded by the sockets' own buffers, datagrams are dropped as a router would.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable

from fairlead.network.watch import Watch

_CHUNK = 1 << 18
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_S = 0.5
_IP_PKTINFO = 8
_DATAGRAMS_AT_ONCE = 64
_IDLE_S = 90.0
_MAX_FLOWS = 4096

Target = tuple[str, int]


def _outgoing(target: Target, kind: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    return socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)


class StreamForwarder:
    """Accepts on one listening socket and connects on."""

    __slots__ = ("_loop", "_open", "_pause", "_socket", "_target", "_tasks", "_watch")

    def __init__(self, sock: socket.socket, target: Target, watch: Watch) -> None:
        self._socket = sock
        self._target = target
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._open = True
        watch.add(sock.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError as error:
            if error.errno in _OUT_OF_FILES:  # the connection stays in the queue and would wake us again at once
                self._watch.remove(self._socket.fileno())
                self._pause = self._loop.call_later(_PAUSE_S, self._resume)
            return
        client.setblocking(False)
        # The set keeps the task alive and lets `close` end it; nothing outlives the port.
        task = self._loop.create_task(self._serve(client), name=f"forward to {self._target}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _resume(self) -> None:
        if self._open:
            self._watch.add(self._socket.fileno(), self._accept)

    async def _serve(self, client: socket.socket) -> None:
        try:
            with client, _outgoing(self._target, socket.SOCK_STREAM) as server:
                await self._loop.sock_connect(server, self._target)
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(self._pump(client, server))
                    pumps.create_task(self._pump(server, client))
        except* OSError:  # of either side: it alone or both; the other side sees the end
            pass

    async def _pump(self, source: socket.socket, target: socket.socket) -> None:
        while data := await self._loop.sock_recv(source, _CHUNK):
            await self._loop.sock_sendall(target, data)
        target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Nobody new, and those who are connected are cut off."""
        self._open = False
        if self._pause is not None:
            self._pause.cancel()
        self._watch.remove(self._socket.fileno())
        for task in self._tasks:
            task.cancel()


class _Flow:
    """One client of a datagram port: a socket of its own towards the container, so that answers find their way."""

    def __init__(self, client: tuple[object, ...], via: list[tuple[int, int, bytes]], target: Target) -> None:
        self.client = client
        self.via = via
        self.seen_s = 0.0
        self.socket = _outgoing(target, socket.SOCK_DGRAM)
        try:
            self.socket.connect(target)
        except OSError:
            self.socket.close()
            raise


class DatagramForwarder:
    """Hands datagrams on, and the answers back, from the address that the client asked."""

    def __init__(self, sock: socket.socket, target: Target, watch: Watch) -> None:
        self._socket = sock
        self._target = target
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._flows: dict[tuple[object, ...], _Flow] = {}
        self._sweep: asyncio.TimerHandle | None = None
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        watch.add(sock.fileno(), self._ask)

    def _ask(self) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                data, control, _, client = self._socket.recvmsg(1 << 16, 256)
            except OSError:
                return
            flow = self._flow(client, [(level, kind, _source(kind, raw)) for level, kind, raw in control])
            if flow is not None:
                _quietly(flow.socket.send, data)

    def _flow(self, client: tuple[object, ...], via: list[tuple[int, int, bytes]]) -> _Flow | None:
        key = (*client, *(raw for _, _, raw in via))
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= _MAX_FLOWS:
                self._drop(min(self._flows, key=lambda k: self._flows[k].seen_s))
            try:
                flow = self._flows[key] = _Flow(client, via, self._target)
            except OSError:
                return None
            self._loop.add_reader(flow.socket, self._answer, flow)
            self._sweep = self._sweep or self._loop.call_later(_IDLE_S, self._expire)
        flow.seen_s = self._loop.time()
        return flow

    def _answer(self, flow: _Flow) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                data = flow.socket.recv(1 << 16)
            except OSError:  # nothing more, or the container refused: UDP's clients hear of neither
                return
            flow.seen_s = self._loop.time()
            _quietly(self._socket.sendmsg, [data], flow.via, 0, flow.client)

    def _expire(self) -> None:
        until_s = self._loop.time() - _IDLE_S
        for key in [key for key, flow in self._flows.items() if flow.seen_s <= until_s]:
            self._drop(key)
        self._sweep = self._loop.call_later(_IDLE_S / 3, self._expire) if self._flows else None

    def _drop(self, key: tuple[object, ...]) -> None:
        flow = self._flows.pop(key)
        self._loop.remove_reader(flow.socket)
        flow.socket.close()

    def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        self._watch.remove(self._socket.fileno())
        for key in list(self._flows):
            self._drop(key)


Forwarder = StreamForwarder | DatagramForwarder


def forward(sock: socket.socket, target: Target, watch: Watch, *, stream: bool) -> Forwarder:
    """From now on, what reaches the socket reaches the container."""
    return StreamForwarder(sock, target, watch) if stream else DatagramForwarder(sock, target, watch)


def _source(kind: int, pktinfo: bytes) -> bytes:
    """Control data by which an answer leaves from the address that was asked, by whatever way leads back."""
    if kind == _IP_PKTINFO and len(pktinfo) == 12:
        return struct.pack("=I4s4s", 0, pktinfo[4:8], bytes(4))
    link_local = pktinfo[:2] == b"\xfe\x80"
    return pktinfo if link_local else pktinfo[:16] + bytes(4)


def _quietly(send: Callable[..., int], *arguments: object) -> None:
    """A datagram that cannot be sent is lost, as datagrams are."""
    try:
        send(*arguments)
    except OSError:
        return
