"""Questions that wait for others: how many there may be of one asker and of all, and what becomes of the same one."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import cast

import dnslib

from fairlead.network.dns.upstream import Server, Upstream

SERVERS = (Server("192.0.2.1"), Server("192.0.2.2"))


class Silent:
    """A socket whose server says nothing until told to."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0)
        self.sent: list[bytes] = []
        self.reply = b""

    def fileno(self) -> int:
        return self._fd

    def setblocking(self, flag: bool) -> None:  # as socket's
        """It never blocks."""

    def connect_ex(self, _: object) -> int:
        return errno.EINPROGRESS

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def answer(self, change: Callable[[dnslib.DNSRecord], None]) -> None:
        reply = dnslib.DNSRecord.parse(self.sent[-1]).reply()
        change(reply)
        self.reply = bytes(reply.pack())
        os.eventfd_write(self._fd, 1)

    def recv(self, _: int) -> bytes:
        os.eventfd_read(self._fd)
        return self.reply

    def close(self) -> None:
        os.close(self._fd)


class Desk:
    """Askers, their sockets, and what they were told."""

    def __init__(self) -> None:
        self.upstream = Upstream()
        self.opened: list[Silent] = []
        self.told: list[bytes | None] = []

    def open(self, _family: int, _kind: int, /) -> socket.socket:
        self.opened.append(Silent())
        return cast("socket.socket", self.opened[-1])

    def ask(self, asker: str, name: str, number: int = 7) -> None:
        query = dnslib.DNSRecord.question(name)
        query.header.id = number
        packed = bytes(query.pack())
        self.upstream.ask(asker, packed, SERVERS, stream=False, open_socket=self.open, done=self.told.append)


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_whoever_asks_a_lot_leaves_room_for_those_who_do_not() -> None:
    async def play() -> None:
        desk = Desk()
        for asker in range(5):
            for number in range(600):
                desk.ask(f"greedy{asker}", f"x{number}.example")
        assert None in desk.told
        assert len(desk.opened) < 3000
        before = len(desk.told)
        for asker in range(20):
            for number in range(16):
                desk.ask(f"modest{asker}", f"x{number}.example")
        assert len(desk.told) == before
        desk.upstream.close()

    asyncio.run(play())


def test_the_same_question_waits_for_the_same_answer_each_under_its_own_id() -> None:
    async def play() -> None:
        desk = Desk()
        for number in (5, 6, 7):
            desk.ask("web", "a.example", number)
        desk.ask("web", "b.example")
        desk.ask("other", "a.example")
        assert len(desk.opened) == 3
        desk.opened[0].answer(lambda reply: reply.add_answer(dnslib.RR("a.example", 1, rdata=dnslib.A("192.0.2.9"))))
        await settled()
        assert [told and told[:2] for told in desk.told] == [b"\0\5", b"\0\6", b"\0\7"]
        assert {told and told[2:] for told in desk.told} == {desk.opened[0].reply[2:]}
        desk.ask("web", "a.example")
        assert len(desk.opened) == 4
        desk.upstream.close()

    asyncio.run(play())


def test_a_server_that_refused_is_not_asked_again() -> None:
    async def play() -> None:
        desk = Desk()
        desk.ask("web", "a.example")
        for number in range(len(SERVERS)):
            desk.opened[number].answer(lambda reply: setattr(reply.header, "rcode", 5))
            await settled()
        assert len(desk.opened) == len(SERVERS)
        assert [told and told[3] & 15 for told in desk.told] == [5]

    asyncio.run(play())
