"""Reads along on one connection: bytes of both directions in, exchanges out. Changes nothing and does no I/O.

Two h11 machines: one stands where the daemon stands and reads the requests, the other where the client stands and reads
the answers. Each is told what the other has read, so that both know what may come next. After a connection has become a
raw stream there is no more to read.
"""

from __future__ import annotations

from collections.abc import Iterator

import h11

from conformance.definitions import Answer

KEPT_BYTES = 4 << 20
"""Of a body; no JSON of a test run is larger."""


class Observer:
    def __init__(self) -> None:
        self._asked = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        self._answered = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        self._request: h11.Request | None = None
        self._response: h11.Response | h11.InformationalResponse | None = None
        self._body = bytearray()
        self.blind = ""
        """Why nothing is read any more: a raw stream, or what h11 did not like."""

    def from_client(self, data: bytes) -> None:
        if not self.blind:
            try:
                self._asked.receive_data(data)
                self._read_requests()
            except h11.ProtocolError as error:
                self.blind = f"request: {error}"

    def from_daemon(self, data: bytes) -> Iterator[Answer]:
        if self.blind:
            return
        try:
            self._answered.receive_data(data)
            yield from self._read_answers()
        except h11.ProtocolError as error:
            self.blind = f"answer: {error}"

    def end(self) -> Iterator[Answer]:
        """The connection is gone: what was still under way has come as far as it came."""
        if self._response is not None and not self.blind:
            yield self._answer(whole=False)

    def _read_requests(self) -> None:
        while True:
            event = self._asked.next_event()
            if isinstance(event, h11.Request):
                self._request = event
                self._answered.send(event)
            elif isinstance(event, h11.Data | h11.EndOfMessage):
                self._answered.send(event)
            else:  # NEED_DATA, PAUSED, closed
                return

    def _read_answers(self) -> Iterator[Answer]:
        while True:
            event = self._answered.next_event()
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    self._response = event
                    yield self._answer(whole=True)
                    self.blind = "a raw stream"
                    return
            elif isinstance(event, h11.Response):
                self._response = event
                self._asked.send(event)
            elif isinstance(event, h11.Data):
                self._body += event.data[: max(0, KEPT_BYTES - len(self._body))]
                self._asked.send(event)
            elif isinstance(event, h11.EndOfMessage):
                self._asked.send(event)
                yield self._answer(whole=len(self._body) < KEPT_BYTES)
                if self._asked.our_state is not h11.DONE or self._asked.their_state is not h11.DONE:
                    self.blind = "the connection's last exchange"
                    return
                self._asked.start_next_cycle()
                self._answered.start_next_cycle()
                self._read_requests()
            else:
                return

    def _answer(self, *, whole: bool) -> Answer:
        request, response = self._request, self._response
        assert request is not None
        assert response is not None
        headers = {name.decode(): value.decode("latin-1") for name, value in response.headers}
        agent = next((value.decode("latin-1") for name, value in request.headers if name == b"user-agent"), "")
        answer = Answer(
            method=request.method.decode(), target=request.target.decode("latin-1"), agent=agent,
            status=response.status_code, content_type=headers.get("content-type", ""),
            body=bytes(self._body), whole=whole,
        )  # fmt: skip
        self._request = self._response = None
        self._body.clear()
        return answer
