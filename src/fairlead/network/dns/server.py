"""The sockets at 127.0.0.11 of each sandbox, and the way of a question through them.

A question that was answered before costs a dictionary look-up and a send: the answer was kept, and is void when the
table changes. Whatever an asker does, it holds a bounded number of connections, bytes and waiting questions.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairlead.errors import SystemFailure
from fairlead.linux import namespaces
from fairlead.network.dns import redirect, wire
from fairlead.network.dns.names import Address, Names, Presence
from fairlead.network.dns.upstream import Server, Upstream

_AT_A_TIME = 64
_KEPT = 1024
_CONNECTIONS = 32
_PIPELINE = 16
_IDLE_S = 10.0
_SIOCGSKNS = 0x894C
_ADDRESSES = {wire.A: 4, wire.AAAA: 6}


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where an asker's other questions go: nowhere from an internal network."""

    servers: Sequence[Server] = ()
    qualified_only: bool = False
    """The asker completes single names itself (it was given ndots): they are not for others."""


class Resolver:
    """All sandboxes' sockets of one daemon."""

    def __init__(self, names: Names, forwarding: Callable[[str], Forwarding]) -> None:
        self.names = names
        self.upstream = Upstream()
        self.forwarding = forwarding
        self.home = namespaces.current_netns()
        self._desks: dict[str, _Desk] = {}

    def open(self, asker: str, netns: int) -> None:
        """Starts to answer in a sandbox; takes over where another daemon answered before."""
        self.close(asker)
        try:
            self._desks[asker] = _Desk(self, asker, netns)
        except OSError as error:
            raise SystemFailure(f"open the resolver of {asker[:12]}: {error.strerror}") from error

    def close(self, asker: str) -> None:
        """Stops; absent is fine. The sandbox is let go."""
        desk = self._desks.pop(asker, None)
        if desk is not None:
            desk.close()
        self.upstream.forget(asker)

    def close_all(self) -> None:
        for asker in list(self._desks):
            self.close(asker)
        self.upstream.close()
        os.close(self.home)


class _Desk:
    """The two sockets of one sandbox."""

    def __init__(self, resolver: Resolver, asker: str, netns: int) -> None:
        self.asker = asker
        self._resolver = resolver
        self._kept: dict[bytes, deque[bytes]] = {}
        """Question without its id → answers without theirs, to be given in turn."""
        self._version = -1
        self._streams: set[_Stream] = set()
        self._loop = asyncio.get_running_loop()
        with namespaces.inside(netns, resolver.home):
            kind = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | kind)
            self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM | kind)
            rules = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 12)
        try:
            self._udp.bind((redirect.ADDRESS, 0))
            self._tcp.bind((redirect.ADDRESS, 0))
            self._tcp.listen(_CONNECTIONS)
            redirect.load(rules, udp=self._udp.getsockname()[1], tcp=self._tcp.getsockname()[1])
        except BaseException:
            self._udp.close()
            self._tcp.close()
            raise
        finally:
            rules.close()
        self._loop.add_reader(self._udp, self._datagrams)
        self._loop.add_reader(self._tcp, self._accept)

    def close(self) -> None:
        for sock in (self._udp, self._tcp):
            self._loop.remove_reader(sock)
            sock.close()
        for stream in list(self._streams):
            stream.close()

    # --- datagrams --------------------------------------------------------------------------------------------

    def _datagrams(self) -> None:
        names, kept, udp = self._resolver.names, self._kept, self._udp
        if self._version != names.version:
            kept.clear()
            self._version = names.version
        for _ in range(_AT_A_TIME):
            try:
                data, peer = udp.recvfrom(4096)
                answers = kept.get(data[2:])
                if answers is None:
                    self._ask(data, peer)
                else:
                    udp.sendto(data[:2] + answers[0], peer)
                    answers.rotate(-1)
            except BlockingIOError:
                return
            except OSError:  # the asker's socket is gone, or its buffer is full
                continue

    def _ask(self, data: bytes, peer: tuple[str, int]) -> None:
        def reply(message: bytes) -> None:
            try:
                self._udp.sendto(message, peer)
            except OSError:
                return

        self.question(data, reply, stream=False)

    # --- connections ------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            client, _ = self._tcp.accept()
        except OSError:
            return
        if len(self._streams) >= _CONNECTIONS:
            client.close()
            return
        client.setblocking(False)
        self._streams.add(_Stream(self, client, self._streams.discard))

    # --- questions --------------------------------------------------------------------------------------------

    def question(self, data: bytes, reply: Callable[[bytes], None], *, stream: bool) -> bool:
        """Answers from the table, or has others asked; replies once, later perhaps. False for what is no question."""
        if len(data) < 12 or data[2] & 0x80:
            return False  # an answer, or no message at all: to answer that could go on for ever
        try:
            question = wire.parse(data)
        except wire.Malformed as error:
            reply(wire.failure(data, error.code))
            return True
        if question.version:
            reply(wire.bad_version(question))
            return True
        answers = self._own(question, stream=stream)
        if answers is None:
            self._forward(question, data, reply, stream=stream)
            return True
        if not stream:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[data[2:]] = deque(answer[2:] for answer in answers[1:] + answers[:1])
        reply(answers[0])
        return True

    def _own(self, question: wire.Question, *, stream: bool) -> list[bytes] | None:
        """What the table says, once for each of several addresses to come first; None = ask others."""
        names = self._resolver.names
        if question.kind == wire.PTR and (address := question.address) is not None:
            found = names.reverse(self.asker, address)
            return [wire.answer(question, found, stream=stream)] if found else None
        if question.kind == wire.SRV:
            name, port, protocol = wire.service(question.name)
            hosts = names.find(self.asker, name)
            services, extra = _services(hosts, name, port, protocol)
            return [wire.answer(question, services, extra, stream=stream)] if hosts else None
        hosts = names.find(self.asker, question.name)
        if not hosts:
            return None
        version = _ADDRESSES.get(question.kind)
        owned = [a for host in hosts for a in host.addresses if a.version == version]
        turns = range(min(len(owned), 16)) if owned else range(1)
        return [wire.answer(question, owned[turn:] + owned[:turn], stream=stream) for turn in turns]

    def _forward(self, question: wire.Question, data: bytes, reply: Callable[[bytes], None], *, stream: bool) -> None:
        way = self._resolver.forwarding(self.asker)
        if way.qualified_only and question.kind in _ADDRESSES and "." not in question.name:
            reply(wire.answer(question, (), stream=stream))
            return

        def done(answer: bytes | None) -> None:
            reply(wire.failure(data, wire.SERVER_FAILURE) if answer is None else answer)

        self._resolver.upstream.ask(
            self.asker, data, way.servers, stream=stream, open_socket=self._open_socket, done=done
        )

    def _open_socket(self, family: int, kind: int, /) -> socket.socket:
        netns = fcntl.ioctl(self._udp, _SIOCGSKNS)
        try:
            return namespaces.open_socket(netns, self._resolver.home, family, kind)
        finally:
            os.close(netns)


def _services(
    hosts: Sequence[Presence], name: str, port: int, protocol: str
) -> tuple[list[wire.Service], list[tuple[str, Address]]]:
    """SRV records of the exposed ports that were asked for, and the addresses to go with them."""
    found = [
        (host, exposed.number)
        for host in hosts
        for exposed in sorted(host.ports)
        if port in (0, exposed.number) and protocol in ("", exposed.protocol)
    ]
    services = [wire.Service(number, name if len(hosts) == 1 else host.names[0]) for host, number in found]
    extra = {(name if len(hosts) == 1 else host.names[0], a): None for host, _ in found for a in host.addresses}
    return services, list(extra)


class _Stream:
    """One TCP connection of an asker: questions with their length before them, answers likewise."""

    def __init__(self, desk: _Desk, client: socket.socket, gone: Callable[[_Stream], None]) -> None:
        self._desk = desk
        self._socket = client
        self._gone = gone
        self._in = b""
        self._out = b""
        self._open = 0
        self._pumping = False
        self._ended = False
        """The asker has said all; answers may still be on their way."""
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_IDLE_S, self.close)
        self._loop.add_reader(client, self._readable)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._timer.cancel()
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._gone(self)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(1 << 14)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._in += data
        self._ended = not data
        self._pump()

    def _pump(self) -> None:
        """Takes questions one after the other, each answer sent before the next, as far as none has to wait."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._open < _PIPELINE and not self._out and (message := self._next()) is not None:
                self._open += 1
                if not self._desk.question(message, self._reply, stream=True):
                    self.close()
                    return
                if not self._flush():
                    return
        finally:
            self._pumping = False
        self._settle()

    def _next(self) -> bytes | None:
        """The next whole message."""
        size = 2 + int.from_bytes(self._in[:2], "big")
        if len(self._in) < max(size, 2):
            return None
        message, self._in = self._in[2:size], self._in[size:]
        return message

    def _reply(self, message: bytes) -> None:
        self._open -= 1
        if self._socket.fileno() < 0:
            return
        self._out += len(message).to_bytes(2, "big") + message
        if not self._pumping:
            self._writable()

    def _writable(self) -> None:
        if self._flush():
            self._pump()

    def _flush(self) -> bool:
        """Sends what there is; False if that was the end."""
        try:
            self._out = self._out[self._socket.send(self._out) :] if self._out else b""
        except BlockingIOError:
            return True
        except OSError:
            self.close()
            return False
        return True

    def _settle(self) -> None:
        """Says what to wait for: nothing more is read while answers are due, so nothing piles up."""
        busy = self._open > 0 or bool(self._out)
        if self._ended and not busy:
            self.close()
            return
        self._timer.cancel()
        self._timer = self._loop.call_later(_IDLE_S, self.close)
        if busy:
            self._loop.remove_reader(self._socket)
        else:
            self._loop.add_reader(self._socket, self._readable)
        if self._out:
            self._loop.add_writer(self._socket, self._writable)
        else:
            self._loop.remove_writer(self._socket)
