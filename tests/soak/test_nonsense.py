"""Nonsense at every route there is: broken JSON, JSON of the wrong kind, numbers that fit nowhere, paths that are none.
Each gets an answer of its own, none a 500, and the daemon goes on."""

from __future__ import annotations

import json
import re
import time

import pytest

from fairlead.api import server
from testbed.engine import Engine
from testbed.wire import Wire
from unit.api.fakes import FakeEngine

pytestmark = [pytest.mark.root, pytest.mark.soak]
ROUTES = [(route.method, route.path) for route in server._routes(FakeEngine())]
BODIES = {
    "cut off": b'{"Image": "box", "Cmd": [',
    "an array": b"[1, 2]",
    "a text": b'"text"',
    "a number": b"1e999",
    "nothing": b"null",
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "no UTF-8": b'{"Image": "\xff\xfe"}',
    "lone surrogates": b'{"Image": "box", "Name": "\\ud800", "Cmd": ["\\udfff"], "RemoteURL": "\\ud800"}',
    "a huge number": b'{"Memory": ' + b"9" * 5_000 + b"}",
    "floats": b'{"Memory": 1.5, "CpuShares": 1e400, "Detach": 3, "Tty": "x"}',
    "NUL": b'{"Image": "b\\u0000x", "Name": "a\\u0000", "Cmd": ["\\u0000"], "Container": "\\u0000"}',
    "two": b"{}{}",
    "null members": b'{"HostConfig": null, "Cmd": null, "Env": [null], "Labels": {"a": null}, "IPAM": null}',
}
QUERY = (
    "h=99999999999999999999&w=-1&t=1e9&size=x&limit=99999999999999999999999&tail=-99999999999999999999&since=1e400"
    "&until=99999999999999999999&timestamp=%00&filters=%7B%22label%22%3A1%7D&signal=%ff&name=%00&platform=%ff&all=maybe"
    "&path=%00&condition=%00&fromImage=%ff&tag=%00&repo=%00&ps_args=%00&term=%00&detachKeys=%ff&shmsize=x&memory=1e99"
    "&filters=" + "%5B" * 50_000
)
NAMES = (
    "%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "a" * 5_000, "%F0%9F%92%A3", "x//y", "%25s%25n", "sha256:" + "0" * 64,
)  # fmt: skip
LONGEST_S = 10


def ask(engine: Engine, method: str, target: str, body: bytes) -> tuple[int, bytes]:
    """Status and body, as far as they come: an answer that lasts is left after its head."""
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\n"
    begin = time.monotonic()
    with Wire(engine, timeout_s=LONGEST_S) as wire:
        wire.send(head.encode("latin-1") + body)
        status, headers = wire.head()
        assert time.monotonic() - begin < LONGEST_S
        length = int(headers.get("content-length", 0))
        return status, wire.exactly(length) if length and method != "HEAD" else b""


def path(template: str, name: str) -> str:
    return re.sub(r"\{\w+\}", lambda _: name, template)


def faults(engine: Engine, requests: list[tuple[str, str, bytes]]) -> list[str]:
    found = []
    for method, target, body in requests:
        try:
            status, said = ask(engine, method, target, body)
        except (TimeoutError, EOFError, ConnectionError) as error:
            found.append(f"{method} {target[:100]} {body[:40]!r}: {error!r}")
            continue
        if status == 500 and b"dial tcp" not in said:
            found.append(f"{method} {target[:100]} {body[:40]!r}: {said[:200]!r}")
        elif 400 <= status < 500 and method != "HEAD" and "attach" not in target:
            assert json.loads(said)["message"], (method, target)
    return found


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_nonsense(shared_engine: Engine, body: str) -> None:
    container = shared_engine.do("run", "-d", "--network", "none", "box", "sleep", "600")
    deadly = re.compile(r"/(kill|stop|restart|pause|prune|rename)\b|/images/create")
    asked = [
        (method, path(template, container), BODIES[body])
        for method, template in ROUTES
        if method in ("POST", "PUT") and not deadly.search(template)
    ]
    found = faults(shared_engine, asked)
    assert not found, "\n".join(found)
    assert "Traceback" not in shared_engine.log.read_text()


@pytest.mark.parametrize("name", NAMES, ids=[name[:12] for name in NAMES])
def test_a_name_that_is_nonsense(shared_engine: Engine, name: str) -> None:
    asked = [(method, path(template, name), b"{}") for method, template in ROUTES if "{" in template]
    found = faults(shared_engine, asked)
    assert not found, "\n".join(found)
    assert "Traceback" not in shared_engine.log.read_text()


def test_a_query_that_is_nonsense(shared_engine: Engine) -> None:
    quick = ("--stop-signal", "KILL")
    container = shared_engine.do("run", "-d", "--network", "none", *quick, "box", "sleep", "600")
    asked = [
        (method, f"{path(template, container)}?{part}", b"{}" if method in ("POST", "PUT") else b"")
        for method, template in ROUTES
        for part in (QUERY, *QUERY.split("&"))
        if method != "DELETE" and not template.endswith("/kill")
    ]
    found = faults(shared_engine, asked)
    assert not found, "\n".join(found)
    assert "Traceback" not in shared_engine.log.read_text()
