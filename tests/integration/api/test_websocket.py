"""Attaching by websocket: messages both ways, and every way in which it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)

from integration.api.harness import Bench, Client, run, until


class Browser:
    """The client's side of one websocket."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._state = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    def open(self, target: str, *protocols: str) -> None:
        self.send(Request(host="docker", target=target, subprotocols=list(protocols)))

    def send(self, event: Event) -> None:
        self.client.send(self._state.send(event))

    async def next(self) -> Event:
        while not self._events:
            self._state.receive_data(await self.client.reader.read(65536) or None)
            self._events += self._state.events()
        return self._events.pop(0)


def test_messages_are_input_and_output_becomes_messages(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        browser = Browser(await table.connect())
        browser.open("/v1.50/containers/c/attach/ws?stdin=1&stdout=1&stream=1", "tty")
        accepted = await browser.next()
        assert isinstance(accepted, AcceptConnection)
        assert accepted.subprotocol == "tty"
        browser.send(BytesMessage(data=b"in\n"))
        assert await process.attached[0].input.get() == b"in\n"
        browser.send(TextMessage(data="wörd"))
        assert await process.attached[0].input.get() == "wörd".encode()
        await process.attached[0].output.put((1, b"out"))
        await process.attached[0].output.put((2, b"\xff\0"))
        assert await browser.next() == BytesMessage(data=bytearray(b"out"))
        assert await browser.next() == BytesMessage(data=bytearray(b"\xff\0"))
        await process.attached[0].output.put(None)
        ended = await browser.next()
        assert isinstance(ended, CloseConnection)
        assert ended.code == 1000
        assert await browser.client.reader.read() == b""

    run(tmp_path, test)


def test_clients_of_old_get_text_whatever_the_bytes(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        browser = Browser(await table.connect())
        browser.open("/v1.27/containers/c/attach/ws?stream=1")
        await browser.next()
        await until(lambda: bool(process.attached))
        for data in ("ö".encode()[:1], "ö".encode()[1:], b"a\xff"):
            await process.attached[0].output.put((1, data))
        assert [await browser.next(), await browser.next()] == [TextMessage(data="ö"), TextMessage(data="a\ufffd")]

    run(tmp_path, test)


def test_a_ping_is_answered_and_a_close_ends_the_attachment(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        browser = Browser(await table.connect())
        browser.open("/containers/c/attach/ws?stdin=1&stdout=1&stream=1")
        await browser.next()
        browser.send(Ping(payload=b"there?"))
        assert await browser.next() == Pong(payload=b"there?")
        browser.send(BytesMessage(data=b"last"))
        browser.send(CloseConnection(code=1001))
        ended = await browser.next()
        assert isinstance(ended, CloseConnection)
        assert ended.code == 1001
        assert await process.attached[0].input.get() == b"last"
        await process.attached[0].closed.wait()
        assert await browser.client.reader.read() == b""

    run(tmp_path, test)


def test_bytes_that_are_no_frame_end_it_with_a_reason(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        browser = Browser(await table.connect())
        browser.open("/containers/c/attach/ws?stdin=1&stdout=1&stream=1")
        await browser.next()
        browser.client.send(b"\xff\xff\xff\xff")
        ended = await browser.next()
        assert isinstance(ended, CloseConnection)
        assert ended.code == 1002
        await process.attached[0].closed.wait()

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("target", "headers", "status", "text"),
    [
        ("/containers/nobody/attach/ws?stream=1", "Upgrade: websocket", 404, "No such container: nobody"),
        ("/containers/c/attach/ws?stream=1", "X-Nothing: 1", 400, "not websocket protocol"),
    ],
)
def test_a_refusal_is_an_ordinary_answer(tmp_path: Path, target: str, headers: str, status: int, text: str) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.add("c")
        client = await table.connect()
        key = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Connection: Upgrade")
        client.request("GET", target, b"", headers, *key)
        answered, _, body = await client.answer()
        assert (answered, text in json.loads(body)["message"]) == (status, True)

    run(tmp_path, test)
