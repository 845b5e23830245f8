"""What clients rely on in streams and waits (docker-semantics §6), at the level of bytes on a real engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testbed.engine import Engine, until
from testbed.wire import Wire

pytestmark = pytest.mark.root
LINES = "yes 0123456789abcde | head -c 8000000"
MULTIPLEXED, RAW = "application/vnd.docker.multiplexed-stream", "application/vnd.docker.raw-stream"


def create(engine: Engine, script: str, **config: Any) -> str:
    host = {"NetworkMode": "none", **config.pop("HostConfig", {})}
    body = {"Image": "box", "Cmd": ["sh", "-c", script], "HostConfig": host, **config}
    return str(engine.json("POST", "/containers/create", body)["Id"])


def start(engine: Engine, container: str) -> None:
    engine.json("POST", f"/containers/{container}/start")


def exec_id(engine: Engine, container: str, script: str, **options: Any) -> str:
    body = {"Cmd": ["sh", "-c", script], "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, **options}
    return str(engine.json("POST", f"/containers/{container}/exec", body)["Id"])


# --- attach -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "tty", "kind", "output"),
    [
        ("/v1.50", False, MULTIPLEXED, b"\1\0\0\0\0\0\0\6first\n"),
        ("/v1.41", False, RAW, b"\1\0\0\0\0\0\0\6first\n"),
        ("/v1.50", True, RAW, b"first\r\n"),
    ],
)
def test_an_attachment_before_the_start_sees_the_first_byte(
    shared_engine: Engine, version: str, tty: bool, kind: str, output: bytes
) -> None:
    container = create(shared_engine, "echo first", Tty=tty)
    with Wire(shared_engine) as wire:
        status, headers = wire.hijack(f"{version}/containers/{container}/attach?stream=1&stdout=1&stderr=1")
        assert (status, headers["content-type"], headers["upgrade"]) == (101, kind, "tcp")
        start(shared_engine, container)
        assert wire.rest() == output


def test_without_an_upgrade_the_stream_follows_a_200(shared_engine: Engine) -> None:
    container = create(shared_engine, "echo out; echo err >&2")
    with Wire(shared_engine) as wire:
        status, headers = wire.ask("POST", f"/containers/{container}/attach?stream=1&stdout=1&stderr=1")
        assert (status, "upgrade" in headers, "transfer-encoding" in headers) == (200, False, False)
        start(shared_engine, container)
        assert sorted(wire.frames()) == [(1, b"out\n"), (2, b"err\n")]


def test_the_end_of_stdin_is_the_containers_and_the_output_goes_on(shared_engine: Engine) -> None:
    container = create(shared_engine, "cat; echo and more", OpenStdin=True, StdinOnce=True, AttachStdin=True)
    with Wire(shared_engine) as wire:
        wire.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1")
        wire.send(b"typed\n")
        wire.end_input()
        start(shared_engine, container)
        assert b"".join(data for _, data in wire.frames()) == b"typed\nand more\n"


def test_the_end_of_stdin_ends_that_attachment_alone_where_stdin_stays_open(shared_engine: Engine) -> None:
    container = create(shared_engine, "while read line; do echo got $line; done", OpenStdin=True)
    start(shared_engine, container)
    for word in (b"one", b"two"):
        with Wire(shared_engine) as wire:
            wire.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1")
            wire.send(word + b"\n")
            wire.until(b"got " + word + b"\n")
            wire.end_input()
            assert wire.rest() == b""
    assert shared_engine.inspect(container)["State"]["Running"] is True


def test_detach_keys_leave_an_attachment_and_an_exec(shared_engine: Engine) -> None:
    container = create(shared_engine, "cat", OpenStdin=True, Tty=True)
    start(shared_engine, container)
    with Wire(shared_engine) as wire:
        wire.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,b")
        wire.send(b"say\n")
        wire.until(b"say\r\nsay\r\n")
        wire.send(b"\x01")
        wire.send(b"b")
        wire.rest()
    run = exec_id(shared_engine, container, "cat", Tty=True, DetachKeys="ctrl-x,x")
    with Wire(shared_engine) as wire:
        wire.hijack(f"/exec/{run}/start", {"Tty": True})
        wire.send(b"in\n")
        wire.until(b"in\r\nin\r\n")
        wire.send(b"\x18x")
        wire.rest()
    assert shared_engine.json("GET", f"/exec/{run}/json")["Running"] is True
    assert shared_engine.inspect(container)["State"]["Running"] is True


def test_the_log_comes_before_the_stream_and_is_never_in_memory_whole(shared_engine: Engine) -> None:
    container = create(shared_engine, f"{LINES}; echo full; read line; echo $line", OpenStdin=True)
    start(shared_engine, container)
    until(lambda: shared_engine.do("logs", "--tail", "1", container) == "full", timeout_s=20)
    before = _memory_kb(shared_engine)
    with Wire(shared_engine) as wire:
        wire.hijack(f"/containers/{container}/attach?logs=1&stream=1&stdin=1&stdout=1")
        wire.exactly(100_000)
        assert _memory_kb(shared_engine) - before < 16_000
        assert 100_000 + wire.skip(b"full\n") > 8_000_000
        wire.send(b"the end\n")
        assert list(wire.frames()) == [(1, b"the end\n")]


def test_a_websocket_carries_an_attachment(shared_engine: Engine) -> None:
    container = create(shared_engine, "cat", OpenStdin=True, StdinOnce=True)
    key = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Ng==")
    with Wire(shared_engine) as wire:
        status, headers = wire.ask("GET", f"/containers/{container}/attach/ws?stream=1&stdin=1&stdout=1", None, *key)
        assert (status, headers["upgrade"]) == (101, "websocket")
        start(shared_engine, container)
        wire.send(b"\x82\x83\0\0\0\0hi\n")
        assert wire.exactly(5) == b"\x82\x03hi\n"
        wire.send(b"\x88\x80\0\0\0\0")
        assert wire.rest()[:1] == b"\x88"
    shared_engine.json("POST", f"/containers/{container}/wait")


# --- wait -------------------------------------------------------------------------------------------------------


def test_wait_answers_its_head_at_once_and_its_body_at_the_event(shared_engine: Engine) -> None:
    container = create(shared_engine, "read line; exit 7", OpenStdin=True, HostConfig={"AutoRemove": True})
    with Wire(shared_engine) as ends, Wire(shared_engine) as removed, Wire(shared_engine) as now:
        for wire, condition in ((ends, "next-exit"), (removed, "removed"), (now, "not-running")):
            assert wire.ask("POST", f"/containers/{container}/wait?condition={condition}")[0] == 200
        assert json.loads(now.body()) == {"StatusCode": 0}
        start(shared_engine, container)
        assert ends.silent
        assert removed.silent
        with Wire(shared_engine) as wire:
            wire.hijack(f"/containers/{container}/attach?stream=1&stdin=1")
            wire.send(b"\n")
            assert json.loads(ends.body()) == {"StatusCode": 7}
            assert json.loads(removed.body()) == {"StatusCode": 7}
    assert shared_engine.api("GET", f"/containers/{container}/json")[0] == 404


def test_the_removal_of_a_created_container_wakes_every_waiter(shared_engine: Engine) -> None:
    container = create(shared_engine, "true")
    with Wire(shared_engine) as ends, Wire(shared_engine) as removed:
        ends.ask("POST", f"/containers/{container}/wait?condition=next-exit")
        removed.ask("POST", f"/containers/{container}/wait?condition=removed")
        shared_engine.json("DELETE", f"/containers/{container}")
        assert "StatusCode" in json.loads(ends.body())
        assert "StatusCode" in json.loads(removed.body())


def test_a_start_that_fails_removes_what_was_to_remove_itself(shared_engine: Engine) -> None:
    body = {"Image": "box", "Cmd": ["/no/such"], "HostConfig": {"AutoRemove": True, "NetworkMode": "none"}}
    container = shared_engine.json("POST", "/containers/create?name=brief", body)["Id"]
    with Wire(shared_engine) as removed:
        removed.ask("POST", f"/containers/{container}/wait?condition=removed")
        assert shared_engine.api("POST", f"/containers/{container}/start")[0] == 400
        assert "StatusCode" in json.loads(removed.body())
    assert shared_engine.json("POST", "/containers/create?name=brief", body)["Id"]


# --- exec -------------------------------------------------------------------------------------------------------


def test_exec_takes_the_end_of_its_input_and_tells_its_code_afterwards(shared_engine: Engine) -> None:
    container = create(shared_engine, "sleep 60")
    start(shared_engine, container)
    run = exec_id(shared_engine, container, "wc -c; echo bad >&2; exit 3")
    with Wire(shared_engine) as wire:
        status, headers = wire.hijack(f"/v1.50/exec/{run}/start", {"Detach": False})
        assert (status, headers["content-type"]) == (101, MULTIPLEXED)
        wire.send(b"12345")
        wire.end_input()
        assert sorted(wire.frames()) == [(1, b"5\n"), (2, b"bad\n")]
    told = shared_engine.json("GET", f"/exec/{run}/json")
    assert (told["Running"], told["ExitCode"]) == (False, 3)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_window_has_its_size_whenever_it_is_told(shared_engine: Engine, when: str) -> None:
    size = {"ConsoleSize": [33, 77]} if when == "before" else {}
    container = create(shared_engine, "read go; stty size", OpenStdin=True, Tty=True, HostConfig=size)
    if when == "before":
        assert shared_engine.api("POST", f"/containers/{container}/resize?h=33&w=77")[0] == 409
    with Wire(shared_engine) as wire:
        wire.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1")
        start(shared_engine, container)
        if when == "after":
            assert shared_engine.api("POST", f"/containers/{container}/resize?h=33&w=77")[0] == 200
            until(lambda: _size_of(shared_engine, container) == "33 77", what="the window has its size")
        wire.send(b"\n")
        assert wire.rest().endswith(b"33 77\r\n")


def _size_of(engine: Engine, container: str) -> str:
    return engine.do("exec", container, "stty", "-F", "/proc/1/fd/0", "size")


# --- readers that do not read -----------------------------------------------------------------------------------


def _memory_kb(engine: Engine) -> int:
    lines = Path(f"/proc/{engine.pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def test_a_follower_that_does_not_read_costs_nothing_and_holds_up_nobody(shared_engine: Engine) -> None:
    container = create(shared_engine, f"read go; {LINES}; echo full", OpenStdin=True, StdinOnce=True)
    start(shared_engine, container)
    before = _memory_kb(shared_engine)
    with Wire(shared_engine) as stalled, Wire(shared_engine) as reads, Wire(shared_engine) as attached:
        stalled.ask("GET", f"/containers/{container}/logs?follow=1&stdout=1")
        reads.ask("GET", f"/containers/{container}/logs?follow=1&stdout=1")
        attached.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1")
        attached.send(b"\n")
        assert attached.skip(b"full\n") > 8_000_000
        assert reads.skip(b"full\n") > 8_000_000
        assert _memory_kb(shared_engine) - before < 16_000
        assert stalled.skip(b"full\n") > 8_000_000


def test_an_attached_reader_that_pauses_holds_up_the_container_and_loses_nothing(shared_engine: Engine) -> None:
    container = create(shared_engine, f"{LINES}; echo full")
    before = _memory_kb(shared_engine)
    with Wire(shared_engine) as wire:
        wire.hijack(f"/containers/{container}/attach?stream=1&stdout=1")
        start(shared_engine, container)
        assert wire.exactly(1) == b"\1"
        shared_engine.do("exec", container, "true")
        assert shared_engine.inspect(container)["State"]["Running"] is True
        assert _memory_kb(shared_engine) - before < 16_000
        first = wire.exactly(int.from_bytes(wire.exactly(7)[3:], "big"))
        assert len(first) + sum(len(data) for _, data in wire.frames()) == 8_000_005
