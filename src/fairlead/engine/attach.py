"""Who is attached to a container's stdio. A client may attach before the start: its stream is joined to the
monitor between create and start, so that it sees the first byte.

Each client has a connection of its own to the monitor, which blocks rather than loses: a client that does not read
holds up the container, as in Docker, and costs no memory here.
"""

from __future__ import annotations

import asyncio

from fairlead.engine import detach
from fairlead.engine.logs import Logs
from fairlead.errors import Conflict, EngineError
from fairlead.model.container import Container
from fairlead.model.request import AttachRequest, LogRequest
from fairlead.runtime.conmon import AttachConnection
from fairlead.runtime.runtime import Runtime

DEFAULT_KEYS = "ctrl-p,ctrl-q"


class Stream:
    """One client's view of a container's stdio."""

    def __init__(self, container: Container, request: AttachRequest, replay: list[tuple[int, bytes]]) -> None:
        self.tty = container.config.tty
        self._request = request
        self._replay = replay
        self._stdin_once = container.config.stdin_once
        self._detector = detach.Detector(detach.parse(request.detach_keys or DEFAULT_KEYS) if self.tty else b"")
        self._connection: asyncio.Future[AttachConnection | None] = asyncio.get_running_loop().create_future()
        self._left = asyncio.Event()

    def join(self, connection: AttachConnection | None) -> None:
        """The monitor's side is there (None: there will never be one)."""
        if self._connection.done():
            if connection is not None:
                connection.close()
            return
        self._connection.set_result(connection)

    async def read(self) -> tuple[int, bytes] | None:
        """(stream, bytes); None when the output has ended or the client has left."""
        if self._replay:
            return self._replay.pop(0)
        if not self._request.stream:
            return None
        connection = await self._connection
        while connection is not None and not self._left.is_set():
            packet = await self._either(connection)
            if packet is None or self._wanted(packet[0]):
                return packet
        return None

    async def _either(self, connection: AttachConnection) -> tuple[int, bytes] | None:
        """The next packet, or None once the client has typed the detach keys."""
        if not self.tty:
            return await connection.read()
        loop = asyncio.get_running_loop()
        reading = loop.create_task(connection.read(), name="attach read")
        leaving = loop.create_task(self._left.wait(), name="attach leave")
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()
            leaving.cancel()

    def _wanted(self, stream: int) -> bool:
        return self._request.stdout if stream == 1 else self._request.stderr

    async def write(self, data: bytes) -> None:
        """Input of the client. Raises BrokenPipeError once nobody takes it."""
        connection = await self._connection
        if connection is None or not self._request.stdin:
            return
        passed, leaves = self._detector.feed(data)
        if passed:
            await connection.write(passed)
        if leaves:
            self._left.set()
            raise BrokenPipeError("read escape sequence")

    async def write_eof(self) -> None:
        """The client's stdin has ended. With stdin_once the container's ends too; else only this attachment does."""
        connection = await self._connection
        if connection is None or not self._request.stdin:
            return
        if self._stdin_once and not self.tty:
            await connection.close_stdin()
        elif self.tty:
            self._left.set()

    async def close(self) -> None:
        if not self._connection.done():
            self._connection.set_result(None)
        connection = self._connection.result()
        if connection is not None:
            connection.close()


class Attachments:
    """Streams that wait for their container's start, and those that do not have to."""

    def __init__(self, runtime: Runtime, logs: Logs) -> None:
        self._runtime = runtime
        self._logs = logs
        self._waiting: dict[str, list[Stream]] = {}

    async def attach(self, container: Container, request: AttachRequest) -> Stream:
        """A stream on a created or running container; on an ended one what is asked of its log, and nothing more."""
        replay: list[tuple[int, bytes]] = []
        if request.logs:
            wanted = LogRequest(stdout=request.stdout, stderr=request.stderr)
            replay = [(entry.stream, entry.data) async for entry in self._logs.read(container, wanted)]
        stream = Stream(container, request, replay)
        if not request.stream:
            stream.join(None)
        elif container.state.status.running and container.state.pid:
            stream.join(await self._runtime.attach(container.id))
        else:
            self._waiting.setdefault(container.id, []).append(stream)
        return stream

    async def connect(self, container_id: str) -> None:
        """Called between create and start: joins everybody who waits."""
        for stream in self._waiting.pop(container_id, ()):
            try:
                stream.join(await self._runtime.attach(container_id))
            except EngineError as error:
                stream.join(None)
                raise Conflict(f"attach to {container_id[:12]}: {error.message}") from error

    def forget(self, container_id: str) -> None:
        """The container is gone, or did not start: nobody waits for it any more."""
        for stream in self._waiting.pop(container_id, ()):
            stream.join(None)
