"""Carries TCP connections that reach [::]:port to a container that has only IPv4: the one path nft cannot translate.

Everything IPv4 goes through the kernel. Bytes are bounded by the sockets' own buffers: read only after the write.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address

_CHUNK = 1 << 16


class Forwarder:
    """Accepts on one listening socket and connects on."""

    def __init__(self, sock: socket.socket, address: IPv4Address, port: int) -> None:
        self._socket = sock
        self._target = (str(address), port)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop.add_reader(sock, self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            return
        client.setblocking(False)
        # The set keeps the task alive and lets `close` end it; nothing outlives the port.
        task = self._loop.create_task(self._serve(client), name=f"forward to {self._target}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        with client, server:
            try:
                await self._loop.sock_connect(server, self._target)
                await asyncio.gather(self._pump(client, server), self._pump(server, client))
            except OSError:
                return

    async def _pump(self, source: socket.socket, target: socket.socket) -> None:
        while data := await self._loop.sock_recv(source, _CHUNK):
            await self._loop.sock_sendall(target, data)
        target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        for task in self._tasks:
            task.cancel()
