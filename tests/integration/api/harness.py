"""A server on a socket of its own, with an engine of fakes, and a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fairlead.api.server import Server
from unit.api.fakes import FakeEngine

TIMEOUT_S = 5.0


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)

    def request(self, method: str, target: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: docker", *headers]
        if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def post_json(self, target: str, value: Any) -> None:
        self.request("POST", target, json.dumps(value).encode(), "Content-Type: application/json")

    async def head(self) -> tuple[int, dict[str, str]]:
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = text.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}

    async def answer(self, *, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        status, headers = await self.head()
        if head_only or status in (204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join([chunk async for chunk in self.chunks()])
        return status, headers, await self.reader.readexactly(int(headers["content-length"]))

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            data = await self.reader.readexactly(size + 2)
            if not size:
                return
            yield data[:-2]

    async def message(self) -> tuple[int, str]:
        status, _, body = await self.answer()
        return status, json.loads(body)["message"]

    def half_close(self) -> None:
        self.writer.write_eof()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass


class Bench:
    """The server under test and the clients a test opened."""

    def __init__(self, path: Path, engine: FakeEngine) -> None:
        self.path = path
        self.engine = engine
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_unix_connection(str(self.path)))
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@asynccontextmanager
async def bench(directory: Path) -> AsyncIterator[Bench]:
    path = directory / "api.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    engine = FakeEngine()
    async with asyncio.TaskGroup() as group:
        server = Server(engine, group)
        group.create_task(server.serve(listener))
        await asyncio.sleep(0)
        test = Bench(path, engine)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                yield test
        finally:
            await test.close()
            await server.close()
            for process in engine.containers.all.values():
                if process.task is not None:
                    process.task.cancel()


def run(directory: Path, test: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        async with bench(directory) as table:
            await test(table)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds (the bench's time limit ends a hopeless wait)."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens in code under test, which sets no event
        await asyncio.sleep(0.001)
