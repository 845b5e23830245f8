"""Answers that last: wait, attach, exec, logs, events, uploads and progress."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from fairlead.errors import Conflict, InvalidParameter, SystemFailure
from fairlead.model.container import Config
from fairlead.model.event import Event
from integration.api.harness import Bench, Client, run, until
from unit.api.fakes import EPOCH

UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")


def test_wait_sends_its_head_at_once_and_the_code_at_the_end(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.add("c", ["fail", "5"])
        client, other = await table.connect(), await table.connect()
        client.request("POST", "/v1.50/containers/c/wait?condition=next-exit")
        status, headers = await client.head()
        assert (status, headers["transfer-encoding"]) == (200, "chunked")
        assert headers["content-type"] == "application/json"
        other.request("POST", "/containers/c/start")
        assert (await other.answer())[0] == 204
        body = b"".join([chunk async for chunk in client.chunks()])
        assert json.loads(body) == {"StatusCode": 5}

    run(tmp_path, test)


def test_a_waiter_that_leaves_is_forgotten_quietly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        before = len(asyncio.all_tasks())
        client = await table.connect()
        client.request("POST", "/containers/c/wait")
        client.request("POST", "/containers/c/wait?condition=next-exit")
        await client.head()
        await client.close()
        await until(lambda: len(asyncio.all_tasks()) == before)
        assert not process.exited.done()

    run(tmp_path, test)
    assert not caplog.records


def test_attach_hooks_a_created_container_and_survives_half_close(tmp_path: Path) -> None:
    """`echo x | docker run -i … cat`: the client ends its input, the output goes on to the end."""

    async def test(table: Bench) -> None:
        table.engine.containers.add("c", ["cat"])
        client, other = await table.connect(), await table.connect()
        client.request("POST", "/v1.50/containers/c/attach?stdin=1&stdout=1&stream=1", b"", *UPGRADE)
        status, headers = await client.head()
        assert status == 101
        assert headers["content-type"] == "application/vnd.docker.multiplexed-stream"
        assert headers["upgrade"] == "tcp"
        client.send(b"one\n")
        client.half_close()
        other.request("POST", "/containers/c/start")
        assert (await other.answer())[0] == 204
        assert await client.reader.read() == b"\x01\0\0\0\0\0\0\x04one\n"

    run(tmp_path, test)


def test_half_close_of_a_client_without_stdin_means_nothing(tmp_path: Path) -> None:
    """The docker CLI shuts its side down as soon as it has no input to give: always, without -i."""

    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        client = await table.connect()
        client.request("POST", "/containers/c/attach?stdout=1&stream=1", b"", *UPGRADE)
        await client.head()
        client.half_close()
        await process.attached[0].output.put((1, b"still here"))
        await process.attached[0].output.put(None)
        assert await client.reader.read() == b"\x01\0\0\0\0\0\0\x0astill here"
        assert process.attached[0].input.empty()

    run(tmp_path, test)


def test_attach_says_upgraded_word_for_word(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.add("c", config=Config(image="busybox", tty=True))
        client = await table.connect()
        client.request("POST", "/containers/c/attach?stream=1&stdout=1", b"", *UPGRADE)
        text = await client.reader.readuntil(b"\r\n\r\n")
        assert text.startswith(
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n"
        )

    run(tmp_path, test)


def test_input_sent_together_with_the_attach_request_is_not_lost(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c", config=Config(image="busybox", tty=True))
        client = await table.connect()
        client.send("POST /containers/c/attach?stdin=1&stream=1 HTTP/1.1\r\nHost: x\r\n\r\nearly")
        status, headers = await client.head()
        assert (status, headers["content-type"]) == (200, "application/vnd.docker.raw-stream")
        await until(lambda: bool(process.attached))
        assert await process.attached[0].input.get() == b"early"
        await process.attached[0].output.put((1, b"raw"))
        await process.attached[0].output.put(None)
        assert await client.reader.read() == b"raw"

    run(tmp_path, test)


def test_attachment_is_closed_when_the_client_goes_though_nobody_speaks(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        client = await table.connect()
        client.request("POST", "/containers/c/attach?stdin=1&stdout=1&stream=1", b"", *UPGRADE)
        await client.head()
        client.half_close()
        await asyncio.wait_for(process.attached[0].input.get(), 1)
        assert not process.attached[0].closed.is_set()
        await client.close()
        await process.attached[0].closed.wait()

    run(tmp_path, test)


def test_a_client_that_does_not_read_stops_the_pump_not_the_server(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        process = table.engine.containers.add("c")
        client, other = await table.connect(), await table.connect()
        client.request("POST", "/containers/c/attach?stdout=1&stream=1", b"", *UPGRADE)
        await client.head()
        output = process.attached[0].output
        sent = 0
        try:
            while sent < 10_000:
                await asyncio.wait_for(output.put((1, b"x" * 65536)), 0.2)
                sent += 1
        except TimeoutError:
            pass
        assert sent < 100
        other.request("GET", "/_ping")
        assert (await other.answer())[0] == 200

    run(tmp_path, test)


@pytest.mark.parametrize(("name", "status", "text"), [("x", 404, "No such container: x"), ("p", 409, "is paused")])
def test_attach_errors_are_plain_text(tmp_path: Path, name: str, status: int, text: str) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.add("p")
        await table.engine.containers.pause("p")
        client = await table.connect()
        client.request("POST", f"/containers/{name}/attach?stream=1", b"", *UPGRADE)
        answered, _, body = await client.answer()
        assert answered == status
        assert text in body.decode()
        assert await client.reader.read() == b""

    run(tmp_path, test)


async def _exec(client: Client, body: dict[str, object]) -> None:
    client.post_json("/containers/c/exec", {"Cmd": ["ls"], "AttachStdout": True})
    assert (await client.answer())[0] == 201
    raw = json.dumps(body).encode()
    client.request("POST", f"/exec/{'e' * 64}/start", raw, "Content-Type: application/json", *UPGRADE)


def test_exec_start_carries_the_output_and_the_code_is_read_afterwards(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client, other = await table.connect(), await table.connect()
        await _exec(client, {"Detach": False, "Tty": False})
        assert (await client.head())[0] == 101
        assert await client.reader.read() == b"\x02\0\0\0\0\0\0\x0afrom exec\n"
        other.request("GET", f"/exec/{'e' * 64}/json")
        assert json.loads((await other.answer())[2])["ExitCode"] == 7

    run(tmp_path, test)


def test_exec_that_fails_to_start_says_so_inside_the_stream(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.execs.failure = SystemFailure("OCI runtime exec failed: nope")
        client = await table.connect()
        await _exec(client, {"Detach": False})
        assert (await client.head())[0] == 101
        text = b"OCI runtime exec failed: nope\r\n"
        assert await client.reader.read() == b"\1\0\0\0\0\0\0" + bytes([len(text)]) + text

    run(tmp_path, test)


def test_detached_exec_is_an_ordinary_answer(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.post_json("/containers/c/exec", {"Cmd": ["ls"]})
        await client.answer()
        client.post_json(f"/exec/{'e' * 64}/start", {"Detach": True})
        assert (await client.answer())[0] == 200

    run(tmp_path, test)


def test_logs_are_framed_and_stamped(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.containers.add("c").log.append(b"line\n")
        client = await table.connect()
        client.request("GET", "/containers/c/logs?stdout=1&timestamps=1&tail=all")
        status, headers, body = await client.answer()
        assert status == 200
        assert headers["content-type"] == "application/vnd.docker.multiplexed-stream"
        text = b"2026-01-02T03:04:05.678900000Z line\n"
        assert body == b"\x01\0\0\0\0\0\0" + bytes([len(text)]) + text

    run(tmp_path, test)


def test_events_reach_a_half_closed_client_and_stop_when_it_goes(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.request("GET", "/events")
        client.half_close()
        await client.head()
        event = Event(
            type="container",
            action="start",
            actor_id="c" * 64,
            attributes={"image": "busybox", "name": "c"},
            time_ns=int(EPOCH.timestamp() * 10**9),
        )
        await table.engine.events.queue.put(event)
        told = json.loads(await anext(client.chunks()))
        assert (told["status"], told["id"], told["from"]) == ("start", "c" * 64, "busybox")
        assert told["Actor"]["Attributes"]["name"] == "c"
        assert not table.engine.events.left.is_set()
        await client.close()
        await table.engine.events.left.wait()

    run(tmp_path, test)


def test_progress_lines_end_in_crlf_and_carry_late_errors(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.images.fail_later = InvalidParameter("archive/tar: invalid tar header")
        client = await table.connect()
        client.request("POST", "/images/load?quiet=1", b"x" * 300_000, "Content-Type: application/x-tar")
        status, headers, body = await client.answer()
        assert (status, headers["content-type"]) == (200, "application/json")
        lines = body.split(b"\r\n")
        assert json.loads(lines[0]) == {"status": "read 300000"}
        assert json.loads(lines[1]) == {
            "errorDetail": {"message": "archive/tar: invalid tar header"},
            "error": "archive/tar: invalid tar header",
        }
        assert lines[2:] == [b""]

    run(tmp_path, test)


def test_bytes_that_fail_in_the_middle_end_without_an_end_after_all_that_came(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.images.fail_later = SystemFailure("layer is damaged on disk")
        client = await table.connect()
        client.request("GET", "/images/get?names=busybox")
        status, _ = await client.head()
        assert (status, await client.reader.read()) == (200, b"3\r\ntar\r\n")

    run(tmp_path, test)


def test_an_error_before_the_first_progress_line_has_a_status_and_the_upload_is_swallowed(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        table.engine.images.fail_first = Conflict("no room")
        client = await table.connect()
        client.send("POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(30):
            client.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        status, headers, body = await client.answer()
        assert (status, headers["connection"]) == (409, "close")
        assert json.loads(body) == {"message": "no room"}

    run(tmp_path, test)


def test_an_upload_with_expect_is_told_to_go_on(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.send("POST /images/load HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await client.head())[0] == 100
        client.send("abc")
        assert (await client.answer())[0] == 200
        assert table.engine.images.received == b"abc"

    run(tmp_path, test)


def test_build_reads_its_query_and_streams(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.request(
            "POST",
            "/build?t=a&t=b:1&dockerfile=D&buildargs=%7B%22x%22%3A%221%22%2C%22y%22%3Anull%7D&nocache=1&rm=0",
            b"tar",
            "Content-Type: application/x-tar",
        )
        status, _, body = await client.answer()
        assert status == 200
        assert body.startswith(b'{"stream":"Step 1/1 : FROM busybox\\n"}\r\n{"aux":')
        request = table.engine.builder.request
        assert request is not None
        assert request.tags == ("a", "b:1")
        assert request.build_args == {"x": "1", "y": None}
        assert (request.dockerfile, request.no_cache, request.remove) == ("D", True, False)
        assert table.engine.builder.size == 3

    run(tmp_path, test)


def test_save_of_a_missing_image_is_refused_before_the_archive_begins(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.request("GET", "/images/get?names=busybox&names=nope")
        assert await client.message() == (404, "No such image: nope")
        client.request("GET", "/images/busybox:latest/get")
        status, headers, body = await client.answer()
        assert (status, headers["content-type"], body) == (200, "application/x-tar", b"tar")

    run(tmp_path, test)


def test_pull_from_nowhere_is_docker_refusal(tmp_path: Path) -> None:
    async def test(table: Bench) -> None:
        client = await table.connect()
        client.request("POST", "/images/create?fromImage=docker.io%2Flibrary%2Fx&tag=latest")
        status, message = await client.message()
        assert status == 404
        assert message.startswith("pull access denied for docker.io/library/x")

    run(tmp_path, test)
