"""Requests with a short answer, good and bad, over a real socket."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from integration.api.harness import Bench, run, until


def test_ping_answers_head_and_get_with_docker_headers_on_one_connection(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        for target in ("/_ping", "/v1.24/_ping", "/v1.50/_ping"):
            client.request("HEAD", target)
            status, headers, _ = await client.answer(head_only=True)
            assert (status, headers["content-length"]) == (200, "0")
            client.request("GET", target)
            status, headers, body = await client.answer()
            assert (status, body) == (200, b"OK")
            assert headers["api-version"] == "1.50"
            assert headers["ostype"] == "linux"
            assert headers["docker-experimental"] == "false"
            assert headers["server"].startswith("Docker/")
            assert headers["builder-version"] == "1"
            assert headers["swarm"] == "inactive"
        assert threading.active_count() == 1

    run(tmp_path, test)


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.send("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.answer())[0] == 200
        assert (await client.answer())[0] == 404

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("method", "target", "status", "message"),
    [
        ("GET", "/nowhere", 404, "page not found"),
        ("GET", "/", 404, "page not found"),
        ("PUT", "/containers/json", 404, "page not found"),
        ("GET", "/v1.x/info", 404, "page not found"),
        ("GET", "/containers/missing/json", 404, "No such container: missing"),
        ("GET", "/containers//json", 400, 'invalid name or ID supplied: ""'),
        ("DELETE", "/containers/", 400, 'invalid name or ID supplied: ""'),
        ("GET", "/images/a/b:c/json", 404, "No such image: a/b:c"),
        ("POST", "/containers/x/wait?condition=never", 400, 'invalid condition: "never"'),
        ("GET", "/containers/json?limit=many", 400, 'strconv.Atoi: parsing "many": invalid syntax'),
        ("GET", "/containers/json?filters=%7B", 400, "invalid filter"),
        ("GET", "/containers/json?filters=%7B%22colour%22%3A%5B%22red%22%5D%7D", 400, "invalid filter 'colour'"),
        ("GET", "/containers/x/logs", 400, "Bad parameters: you must choose at least one stream"),
        (
            "GET",
            "/v1.20/_ping",
            400,
            "client version 1.20 is too old. Minimum supported API version is 1.21, "
            "please upgrade your client to a newer version",
        ),
        (
            "GET",
            "/v1.51/_ping",
            400,
            "client version 1.51 is too new. Maximum supported API version is 1.50",
        ),
    ],
)
def test_refusals_have_docker_status_and_text(
    tmp_path: Path, method: str, target: str, status: int, message: str
) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.request(method, target)
        assert await client.message() == (status, message)
        client.request("GET", "/_ping")
        assert (await client.answer())[0] == 200

    run(tmp_path, test)


JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"{", (JSON,), "invalid JSON: unexpected EOF"),
        (b'{"Image": "busy', (JSON,), "invalid JSON: unexpected EOF"),
        (b"{Image}", (JSON,), "invalid JSON: invalid character 'I' looking for beginning of object key string"),
        (b"nonsense", (JSON,), "invalid JSON: invalid character 'n' looking for beginning of value"),
        (b" ", (JSON,), "invalid JSON: got EOF while reading request body"),
        (b"[]", (JSON,), "invalid JSON: json: cannot unmarshal array into Go value of type object"),
        (b'{"Image":"busybox"} {}', (JSON,), "unexpected content after JSON"),
        (b'{"Image":"busybox"}', (), "malformed Content-Type header (): mime: no media type"),
        (
            b'{"Image":"busybox"}',
            ("Content-Type: text/plain",),
            "unsupported Content-Type header (text/plain): must be 'application/json'",
        ),
        (b"", (), "config cannot be empty in order to create a container"),
        (b"{}", (JSON,), "config cannot be empty in order to create a container"),
        (
            b'{"Image":"busybox","Tty":"yes"}',
            (JSON,),
            "invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.Tty of type bool",
        ),
        (
            b'{"Image":"busybox","HostConfig":{"Memory":"1g"}}',
            (JSON,),
            "invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.Memory of type int64",
        ),
    ],
)
def test_create_with_a_wrong_body_is_refused_before_the_engine_hears_of_it(
    tmp_path: Path, body: bytes, headers: tuple[str, ...], message: str
) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.request("POST", "/v1.50/containers/create", body, *headers)
        assert await client.message() == (400, message)
        assert table.engine.containers.calls == []

    run(tmp_path, test)


def test_names_with_slashes_reach_the_container_behind_the_link(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.post_json("/containers/create?name=db", {"Image": "busybox", "Cmd": ["sleep"]})
        assert (await client.answer())[0] == 201
        client.post_json("/containers/create?name=web", {"Image": "busybox", "HostConfig": {"Links": ["db:sql"]}})
        assert (await client.answer())[0] == 201
        for target in ("/containers/web/sql/json", "/v1.50/containers/web%2Fsql/json", "/containers//web/sql/json"):
            client.request("GET", target)
            status, _, body = await client.answer()
            assert (status, json.loads(body)["Name"]) == (200, "/db")
        client.request("POST", "/containers/web/sql/start")
        assert (await client.answer())[0] == 204
        client.request("DELETE", "/containers/web/sql?link=1&v=0")
        assert (await client.answer())[0] == 204
        assert table.engine.containers.calls[-1] == ("remove", "web/sql", False, False, True)

    run(tmp_path, test)


def test_not_modified_has_no_body_and_keeps_the_connection(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.add("c")
        client = await table.connect()
        client.request("POST", "/containers/c/start")
        assert (await client.answer())[0] == 204
        client.request("POST", "/containers/c/start")
        status, headers, _ = await client.answer()
        assert status == 304
        assert "content-length" not in headers
        client.request("GET", "/_ping")
        assert (await client.answer())[2] == b"OK"

    run(tmp_path, test)


def test_an_oversized_head_is_refused(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * (1200 * 1024))
        assert (await client.message())[0] == 431

    run(tmp_path, test)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"HELLO\r\n\r\n"])
def test_what_is_not_http_gets_400_and_a_closed_connection(tmp_path: Path, garbage: bytes) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.send(garbage)
        assert (await client.answer())[0] == 400
        assert await client.reader.read() == b""

    run(tmp_path, test)


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 500\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n100\r\n{"],
    ids=["length", "chunked"],
)
def test_a_body_cut_off_is_refused_and_nothing_is_created(tmp_path: Path, framing: bytes) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + framing)
        client.half_close()
        assert await client.message() == (400, "unexpected EOF")
        assert table.engine.containers.calls == []

    run(tmp_path, test)


def test_a_create_begun_is_finished_although_the_client_hangs_up(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.slow = 0.02
        client = await table.connect()
        client.post_json("/containers/create?name=kept", {"Image": "busybox"})
        await until(lambda: bool(table.engine.containers.calls))
        await client.close()
        await until(lambda: bool(table.engine.containers.all))

    run(tmp_path, test)


def test_an_unforeseen_error_is_a_500_and_the_server_lives(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.system.facts = None  # type: ignore[assignment,method-assign]  # a call of it raises TypeError
        client = await table.connect()
        client.request("GET", "/info")
        status, message = await client.message()
        assert status == 500
        assert message.startswith("TypeError")
        client.request("GET", "/version")
        assert (await client.answer())[0] == 200

    run(tmp_path, test)


def test_missing_image_alone_makes_create_answer_404(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.post_json("/containers/create", {"Image": "nope"})
        assert await client.message() == (404, "No such image: nope:latest")

    run(tmp_path, test)
