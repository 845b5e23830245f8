"""Who is attached to a container's stdio. A client may attach before the start: its stream is joined to the
monitor between create and start, so that it sees the first byte.

Each client has a connection of its own to the monitor, which blocks rather than loses: a client that does not read
holds up the container, as in Docker, and costs no memory here. But it does not hold up others for long: one that takes
nothing while somebody else waits for output is dropped, and told so.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

from fairlead.engine import detach
from fairlead.engine.logs import Logs
from fairlead.errors import EngineError
from fairlead.model.container import Container
from fairlead.model.request import AttachRequest, LogBatch, LogRequest
from fairlead.runtime.conmon import AttachConnection
from fairlead.runtime.runtime import Runtime

DEFAULT_KEYS = "ctrl-p,ctrl-q"
_STALLED_S = 10.0
_LOOK_EVERY_S = 2.0
_SYSTEM_ERROR = 3
_DROPPED = b"output was not taken while others waited for it: attachment ended\r\n"
Join = Callable[[], Awaitable[AttachConnection | None]]


class Stream:
    """One client's view of a container's stdio."""

    def __init__(self, container: Container, request: AttachRequest, replay: _Replay | None = None) -> None:
        self.tty = container.config.tty
        self._request = request
        self._replay = replay
        self.on_detach: Callable[[], object] = lambda: None
        """Called when the client leaves by its detach keys."""
        self._stdin_once = container.config.stdin_once
        keys = detach.parse(request.detach_keys or DEFAULT_KEYS, "detach")
        self._detector = detach.Detector(keys if self.tty else b"")
        self._connection: asyncio.Future[AttachConnection | None] = asyncio.get_running_loop().create_future()

    @property
    def waits(self) -> bool:
        """Whether the monitor's side is still to come."""
        return not self._connection.done()

    def join(self, connection: AttachConnection | None) -> None:
        """The monitor's side is there (None: there will never be one)."""
        if self.waits:
            self._connection.set_result(connection)

    async def read(self) -> tuple[int, bytes] | None:
        """(stream, bytes); None when the output has ended or the client has left."""
        if self._replay is not None:
            if (chunk := await self._replay.next()) is not None:
                return chunk
            if self._replay.join is not None:
                self.join(await self._replay.join())
            self._replay = None
        if not self._request.stream:
            return None
        connection = await self._connection
        while connection is not None:
            packet = await connection.read()
            if packet is None and connection.dropped:
                connection.dropped = False
                return (_SYSTEM_ERROR, _DROPPED)
            if packet is None or self._wanted(packet[0]):
                return packet
        return None

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
            connection.leave()
            self.on_detach()
            raise BrokenPipeError("read escape sequence")

    async def write_eof(self) -> None:
        """The client's stdin has ended. With stdin_once the container's ends too; else only this attachment does."""
        connection = await self._connection
        if connection is None or not self._request.stdin:
            return
        if self._stdin_once and not self.tty:
            await connection.close_stdin()
        else:
            connection.leave()

    async def close(self) -> None:
        if self._replay is not None:
            await self._replay.close()
        self.join(None)
        connection = self._connection.result()
        if connection is None:
            return
        if self._stdin_once and not self._request.stdin and not self.tty:
            # Its end would be taken for the end of the container's stdin, which is somebody else's. The runtime
            # closes it with the container.
            connection.leave()
        else:
            connection.close()


class Attachments:
    """Streams that wait for their container's start, and those that do not have to."""

    def __init__(self, runtime: Runtime, logs: Logs) -> None:
        self._runtime = runtime
        self._logs = logs
        self._waiting: dict[str, list[Stream]] = {}
        self._next_look: asyncio.TimerHandle | None = None

    async def attach(self, container: Container, request: AttachRequest) -> Stream:
        """A stream on a created or running container; on an ended one what is asked of its log, and nothing more."""
        replay = None
        if request.logs:
            wanted = LogRequest(stdout=request.stdout, stderr=request.stderr)
            replay = _Replay(self._logs.read(container, wanted))
            await replay.begin()
        stream = Stream(container, request, replay)
        if not request.stream:
            stream.join(None)
        elif self._runtime.running_pid(container.id) is None:
            # Created or ended: its next start is waited for. (Those whose clients have left meanwhile are dropped.)
            others = [other for other in self._waiting.get(container.id, ()) if other.waits]
            self._waiting[container.id] = [*others, stream]
        elif replay is not None:
            replay.join = lambda: self._joined(container.id)
        else:
            stream.join(await self._joined(container.id))
        return stream

    async def connect(self, container_id: str) -> None:
        """Called between create and start: joins everybody who waits."""
        for stream in self._waiting.pop(container_id, ()):
            if stream.waits:
                stream.join(await self._joined(container_id))

    async def _joined(self, container_id: str) -> AttachConnection | None:
        """None if the monitor has ended at this very moment: there is no more output."""
        try:
            connection = await self._runtime.attach(container_id)
        except EngineError:
            return None
        self._look_later()
        return connection

    def _look_later(self) -> None:
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._next_look = None
        if self._runtime.drop_stalled(self._logs.followed, _STALLED_S):
            self._look_later()

    def forget(self, container_id: str) -> None:
        """The container is gone, or did not start: nobody waits for it any more."""
        for stream in self._waiting.pop(container_id, ()):
            stream.join(None)


class _Replay:
    """What is in the log already, as it is taken; `join` is done after it."""

    def __init__(self, batches: AsyncIterator[LogBatch]) -> None:
        self._batches = batches
        self._pieces: list[tuple[int, bytes]] = []
        self.join: Join | None = None

    async def begin(self) -> None:
        """A log that cannot be read is told before anything is answered."""
        await self._fetch()

    async def _fetch(self) -> None:
        batch = await anext(self._batches, None)
        runs = itertools.groupby(batch or (), lambda line: line[0])
        self._pieces = [(number, b"".join([text for _, _, text in lines])) for number, lines in runs]
        self._pieces.reverse()

    async def next(self) -> tuple[int, bytes] | None:
        if not self._pieces:
            await self._fetch()
        return self._pieces.pop() if self._pieces else None

    async def close(self) -> None:
        close = getattr(self._batches, "aclose", None)
        if close is not None:
            await close()
