from __future__ import annotations

import pytest

from fairlead.api.http1 import Http1, Malformed


def _fed(data: bytes) -> Http1:
    http = Http1([("Server", "test")])
    http.receive(data)
    return http


def test_head_is_parsed_with_query_and_escapes() -> None:
    head = _fed(b"GET /a%2Fb/c%20d?x=1&x=2&y=&z=%7B HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\n").next_head()
    assert head is not None
    assert head.path == "/a/b/c d"
    assert head.query == {"x": ["1", "2"], "y": [""], "z": ["{"]}
    assert head.headers["x-a"] == "b"
    assert not head.has_body
    assert not head.upgrade


def test_a_whole_url_as_target_is_reduced_to_its_path() -> None:
    head = _fed(b"GET http://docker/v1.50/info?a=b HTTP/1.1\r\nHost: h\r\n\r\n").next_head()
    assert head is not None
    assert (head.path, head.query) == ("/v1.50/info", {"a": ["b"]})


def test_body_comes_in_pieces_then_none() -> None:
    http = _fed(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab")
    assert http.next_head() is not None
    assert http.next_body() == b"ab"
    assert http.next_body() == b""
    http.receive(b"cd")
    assert http.next_body() == b"cd"
    assert http.next_body() is None


def test_end_of_input_inside_a_body_is_malformed() -> None:
    http = _fed(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab")
    http.next_head()
    http.next_body()
    http.receive(b"")
    with pytest.raises(Malformed):
        http.next_body()


def test_end_of_input_between_requests_is_the_end() -> None:
    http = _fed(b"")
    with pytest.raises(EOFError):
        http.next_head()


def test_no_content_has_neither_length_nor_body() -> None:
    http = _fed(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    http.next_head()
    answer = http.whole(204, [], b"")
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"ontent-" not in answer
    assert http.reuse()


def test_head_requests_get_the_length_without_the_body() -> None:
    http = _fed(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    http.next_head()
    answer = http.whole(200, [], b"12345")
    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_old_http_clients_get_no_chunks_and_a_closed_connection() -> None:
    http = _fed(b"GET / HTTP/1.0\r\n\r\n")
    http.next_head()
    answer = http.head(200, []) + http.data(b"abc") + http.end()
    assert answer.endswith(b"\r\n\r\nabc")
    assert not http.reuse()


def test_bytes_after_an_upgrade_request_are_kept_for_the_raw_stream() -> None:
    http = _fed(b"POST /attach HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw")
    head = http.next_head()
    assert head is not None
    assert head.upgrade
    assert http.switch("text/x").startswith(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: text/x\r\n")
    assert http.rest() == b"raw"
