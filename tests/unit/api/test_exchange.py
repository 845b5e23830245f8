from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest

from fairlead.api import filters, streams
from fairlead.api.exchange import Request
from fairlead.api.http1 import Head
from fairlead.errors import InvalidParameter


class _NoBody:
    async def body(self) -> AsyncIterator[bytes]:
        return
        yield b""


def _request(query: str) -> Request:
    parsed = parse_qs(query, keep_blank_values=True)
    return Request(Head(method="GET", path="/", query=parsed, headers={}, has_body=False), _NoBody())


@pytest.mark.parametrize(
    ("query", "value"),
    [("f=1", True), ("f=true", True), ("f=T", True), ("f=yes", True), ("f=0", False), ("f=False", False),
     ("f=no", False), ("f=none", False), ("f=", False), ("", False)],
)  # fmt: skip
def test_flags_are_read_as_docker_reads_them(query: str, value: bool) -> None:
    assert _request(query).flag("f") is value


def test_a_flag_not_given_takes_its_default() -> None:
    assert _request("").flag("rm", default=True)


def test_numbers() -> None:
    assert _request("t=10").integer("t") == 10
    assert _request("t=-1").integer("t") == -1
    assert _request("t=").integer("t") is None
    with pytest.raises(InvalidParameter):
        _request("t=ten").integer("t")


def test_both_forms_of_filters_mean_the_same() -> None:
    new = filters.parse('{"name":{"web":true,"db":true}}')
    assert new == filters.parse('{"name":["web","db"]}') == {"name": ("web", "db")}
    assert filters.parse("") == {}


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"name":"web"}', '{"name":[1]}'])
def test_filters_that_make_no_sense(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^invalid filter$"):
        filters.parse(text)


def test_frames_carry_stream_and_length() -> None:
    assert streams.frame(2, b"abc") == b"\x02\0\0\0\0\0\0\x03abc"
    assert streams.frame(1, b"x" * 258)[:8] == b"\x01\0\0\0\0\0\x01\x02"


def test_content_type_follows_terminal_and_version() -> None:
    assert streams.content_type((1, 50), tty=True) == "application/vnd.docker.raw-stream"
    assert streams.content_type((1, 41), tty=False) == "application/vnd.docker.raw-stream"
    assert streams.content_type((1, 42), tty=False) == "application/vnd.docker.multiplexed-stream"
