"""A websocket (RFC 6455, by wsproto) in the place of an attachment's raw connection: messages are input, output becomes
messages, never multiplexed. (Loaded when first asked for: nobody pays for it who does not.)"""

from __future__ import annotations

import asyncio
import codecs
import logging
from collections.abc import Mapping

from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request, TextMessage
from wsproto.handshake import H11Handshake
from wsproto.utilities import ProtocolError

from fairlead.api.exchange import Duplex
from fairlead.api.services import Stdio
from fairlead.errors import EngineError, InvalidParameter

log = logging.getLogger(__name__)

BINARY_SINCE = (1, 28)
_NORMAL, _PROTOCOL_ERROR = 1000, 1002


def accept(headers: Mapping[str, str]) -> tuple[bytes, Connection]:
    """The answer to a request that opens a websocket, and the state of what follows."""
    handshake = H11Handshake(ConnectionType.SERVER)
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    try:
        handshake.initiate_upgrade_connection(fields, "/")
        request = next(event for event in handshake.events() if isinstance(event, Request))
    except (ProtocolError, ValueError) as error:
        raise InvalidParameter(f"not websocket protocol: {error}") from error
    # As Docker's: one protocol that is offered is taken, whatever it is.
    protocol = request.subprotocols[0] if len(request.subprotocols) == 1 else None
    answer = handshake.send(AcceptConnection(subprotocol=protocol))
    if handshake.connection is None:
        raise InvalidParameter("not websocket protocol")
    return answer, handshake.connection


async def pump(stdio: Stdio, duplex: Duplex, state: Connection, *, binary: bool) -> None:
    """Copies both ways until the output ends or the client closes, which is also the end of its input."""
    socket = _Socket(duplex, state, binary=binary)
    try:
        async with asyncio.TaskGroup() as group:
            output = group.create_task(_copy(stdio, socket), name="websocket output")
            feed = group.create_task(_feed(stdio, socket, output), name="websocket input")
            await asyncio.wait([output])
            feed.cancel()
        await socket.close(_NORMAL)
    except* ConnectionError:
        pass  # the client left
    except* EngineError as group_of:
        log.warning("websocket broke off: %s", group_of.exceptions)
    finally:
        await stdio.close()


async def _copy(stdio: Stdio, socket: _Socket) -> None:
    while (chunk := await stdio.read()) is not None:
        await socket.send(chunk[1])


async def _feed(stdio: Stdio, socket: _Socket, output: asyncio.Task[None]) -> None:
    """A process that no longer reads does not end its own output; nor does a client that ends its side but not the
    websocket."""
    listens = True
    while (data := await socket.receive()) is not None:
        try:
            if listens and data:
                await stdio.write(data)
        except ConnectionError:
            listens = False
    if listens:
        await stdio.write_eof()
    if socket.closed:
        output.cancel()


class _Socket:
    def __init__(self, duplex: Duplex, state: Connection, *, binary: bool) -> None:
        self._duplex = duplex
        self._state = state
        self._text = None if binary else codecs.getincrementaldecoder("utf-8")("replace")
        self.closed = False

    async def send(self, data: bytes) -> None:
        text = self._text.decode(data) if self._text is not None else ""
        if self._state.state is ConnectionState.OPEN and (text or self._text is None):
            message = TextMessage(data=text) if text else BytesMessage(data=data)
            await self._duplex.write(self._state.send(message))

    async def receive(self) -> bytes | None:
        """Input, maybe of no bytes; None once the client has closed, or has ended its side."""
        data = b"" if self.closed else await self._duplex.read()
        if not data:
            return None
        self._state.receive_data(data)
        try:
            return await self._events()
        except ProtocolError:
            self.closed = True
            await self.close(_PROTOCOL_ERROR)
            return None

    async def _events(self) -> bytes:
        out = bytearray()
        for event in self._state.events():
            if isinstance(event, TextMessage):
                out += event.data.encode()
            elif isinstance(event, BytesMessage):
                out += event.data
            elif isinstance(event, Ping):
                await self._duplex.write(self._state.send(event.response()))
            elif isinstance(event, CloseConnection):
                self.closed = True
                await self._duplex.write(self._state.send(event.response()))
        return bytes(out)

    async def close(self, code: int) -> None:
        if self._state.state is ConnectionState.OPEN:
            await self._duplex.write(self._state.send(CloseConnection(code=code)))
