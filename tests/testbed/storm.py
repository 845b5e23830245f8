"""Very many requests from many connections at once, half of them cut off in the middle: what was asked, what came back,
how long it took. Speaks to any engine of Docker's API over its socket."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONNECTIONS = 50
_GONE = (ConnectionError, asyncio.IncompleteReadError)


@dataclass
class Report:
    wrong: list[str] = field(default_factory=list)
    """Answers that are not what was asked for."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of each kind of request that was not cut off."""
    sent: int = 0
    cut: int = 0
    never: set[str] = field(default_factory=set)
    """Names whose create was cut off before its end: no such container may exist."""


class Storm:
    """`standing` (name → id) are the containers that are there all the while."""

    def __init__(self, path: Path, image: str, standing: Mapping[str, str], seed: int) -> None:
        self._path = path
        self._image = image
        self._standing = dict(standing)
        self._random = random.Random(seed)
        self._report = Report()
        self._left = 0
        self._made = 0

    async def run(self, requests: int) -> Report:
        """Everybody goes on until `requests` are sent; then what the cut ones left behind is removed."""
        self._report, self._left = Report(), requests
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._client())
        await self._tidy()
        return self._report

    async def _client(self) -> None:
        connection = _Connection(self._path)
        names = list(self._standing)
        while self._left > 0:
            kind = self._random.choice(("list", "inspect", "create"))
            if kind == "list":
                answer = await self._ask(connection, "list", "GET", "/containers/json?all=1")
                self._check_list(answer)
            elif kind == "inspect":
                name = self._random.choice(names)
                answer = await self._ask(connection, "inspect", "GET", f"/containers/{name}/json")
                if answer is not None and (answer[0] != 200 or answer[1].get("Id") != self._standing[name]):
                    self._report.wrong.append(f"inspect of {name}: {answer}")
            else:
                await self._create_and_remove(connection)
        connection.close()

    async def _create_and_remove(self, connection: _Connection) -> None:
        self._made += 1
        name = f"storm-{self._made}"
        body = json.dumps({"Image": self._image, "Cmd": ["true"], "Env": ["PADDING=" + "x" * 500]}).encode()
        made = await self._ask(connection, "create", "POST", f"/containers/create?name={name}", body)
        if made is None:
            # It may exist all the same, now or in a moment: what escapes this is removed in the end.
            if name not in self._report.never:
                await connection.exchange(_request("DELETE", f"/containers/{name}?force=1"))
            return
        if made[0] != 201 or len(made[1].get("Id", "")) != 64:
            self._report.wrong.append(f"create of {name}: {made}")
            return
        gone = await self._ask(connection, "remove", "DELETE", f"/containers/{name}")
        if gone is not None and gone[0] != 204:
            self._report.wrong.append(f"remove of {name}: {gone}")

    def _check_list(self, answer: tuple[int, Any] | None) -> None:
        if answer is None:
            return
        status, entries = answer
        listed = {entry["Names"][0][1:]: entry["Id"] for entry in entries if entry["Names"]} if status == 200 else {}
        if any(listed.get(name) != known for name, known in self._standing.items()):
            self._report.wrong.append(f"list: {status}, {len(listed)} names")

    async def _ask(
        self, connection: _Connection, kind: str, method: str, path: str, body: bytes = b""
    ) -> tuple[int, Any] | None:
        """(status, JSON) of the answer; None if this one was cut off, by us."""
        self._left -= 1
        self._report.sent += 1
        data = _request(method, path, body)
        fate = self._random.choice(("whole", "whole", "request", "answer"))
        begin = time.monotonic()
        try:
            if fate == "whole":
                answer = await connection.exchange(data)
                self._report.seconds.setdefault(kind, []).append(time.monotonic() - begin)
                return answer
            self._report.cut += 1
            if fate == "request":
                if kind == "create":
                    self._report.never.add(path.rpartition("=")[2])
                await connection.cut(data[: self._random.randrange(1, len(data))], 0)
            else:
                await connection.cut(data, self._random.choice((0, 1, 300)))
        except _GONE as error:
            self._report.wrong.append(f"{method} {path} ({fate}): {error!r}")
            connection.close()
        except (ValueError, TimeoutError) as error:
            self._report.wrong.append(f"{method} {path} ({fate}): {error!r}")
            connection.close()
        return None

    async def _tidy(self) -> None:
        """What was asked for and not waited for still happens: remove it as it appears."""
        connection = _Connection(self._path)
        deadline, quiet = time.monotonic() + 30, 0
        while quiet < 5 and time.monotonic() < deadline:
            _, entries = await connection.exchange(_request("GET", "/containers/json?all=1"))
            names = {entry["Names"][0][1:] for entry in entries if entry["Names"]} - set(self._standing)
            never = names & self._report.never
            self._report.wrong += [f"{name} exists, though its create was cut off" for name in never]
            for name in names:
                await connection.exchange(_request("DELETE", f"/containers/{name}?force=1"))
            quiet = 0 if names else quiet + 1
            await asyncio.sleep(0.1)
        if quiet < 5:
            self._report.wrong.append(f"still there: {sorted(names)[:5]}")
        connection.close()


class _Connection:
    """Kept for the next request, unless it was cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=1 << 24)
        return self._reader, self._writer

    async def exchange(self, data: bytes) -> tuple[int, Any]:
        async with asyncio.timeout(60):
            reader, writer = await self._open()
            writer.write(data)
            status, body = await _answer(reader)
        return status, json.loads(body) if body.strip() else {}

    async def cut(self, data: bytes, take: int) -> None:
        """Sends `data`, reads at most `take` bytes, and leaves without a word."""
        async with asyncio.timeout(60):
            reader, writer = await self._open()
            writer.write(data)
            await writer.drain()
            if take:
                await reader.read(take)
        self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split()[1])
    if "transfer-encoding: chunked" in head:
        body = bytearray()
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return status, bytes(body)
    length = head.partition("content-length: ")[2].split("\r\n")[0]
    return status, await reader.readexactly(int(length or 0))


def percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)]
