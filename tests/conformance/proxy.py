"""`python -m conformance.proxy`: stands between Docker's clients and the daemon, hands every byte on as it came, both
ways and with half-closes, and writes what Docker's definitions say to each answer as a line of JSON. Until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import select
import signal
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from conformance.definitions import Answer, Definitions
from conformance.observer import Observer

CHUNK = 1 << 18


class Proxy:
    def __init__(self, daemon: Path, definitions: Definitions, newest: tuple[int, int], findings: TextIO) -> None:
        self._daemon = daemon
        self._definitions = definitions
        self._newest = newest
        self._findings = findings

    async def listen(self, path: Path) -> None:
        """Until SIGTERM. A raw loop of accepts: streams of asyncio hide the difference of close and half-close."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(512)
            listener.setblocking(False)
            print("listening", flush=True)
            async with asyncio.TaskGroup() as group:
                accepting = group.create_task(self._accept(listener, group))
                await stopped.wait()
                accepting.cancel()
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

    async def _accept(self, listener: socket.socket, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            group.create_task(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        observer = Observer()
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.setblocking(False)
            try:
                await loop.sock_connect(daemon, str(self._daemon))
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._forth(client, daemon, observer))
                    group.create_task(self._back(daemon, client, observer))
            except* OSError:
                pass  # one side is gone, and so both are
            finally:
                self._note(observer.end())

    async def _forth(self, client: socket.socket, daemon: socket.socket, observer: Observer) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(client, CHUNK):
            observer.from_client(data)
            await loop.sock_sendall(daemon, data)
        daemon.shutdown(socket.SHUT_WR)
        await _hung_up(client)
        raise ConnectionResetError

    async def _back(self, daemon: socket.socket, client: socket.socket, observer: Observer) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(daemon, CHUNK):
            self._note(observer.from_daemon(data))
            await loop.sock_sendall(client, data)
        self._note(observer.end())
        client.shutdown(socket.SHUT_WR)

    def _note(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            finding = self._definitions.check(answer, self._newest)
            self._findings.write(json.dumps(dataclasses.asdict(finding)) + "\n")


async def _hung_up(peer: socket.socket) -> None:
    """Until the other side is closed both ways. epoll tells that without being asked for it."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    with select.epoll() as poll:
        poll.register(peer.fileno(), 0)
        loop.add_reader(poll.fileno(), gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(poll.fileno())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=Path, required=True)
    parser.add_argument("--daemon", type=Path, required=True)
    parser.add_argument("--definitions", type=Path, required=True)
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("--newest", required=True, help="API version meant by a path without one")
    chosen = parser.parse_args()
    major, minor = chosen.newest.split(".")
    with chosen.findings.open("a", buffering=1) as findings, contextlib.suppress(KeyboardInterrupt):
        proxy = Proxy(chosen.daemon, Definitions(chosen.definitions), (int(major), int(minor)), findings)
        asyncio.run(proxy.listen(chosen.listen))


if __name__ == "__main__":
    main()
