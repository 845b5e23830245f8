"""Containers made through the API, field by field, that tell what they see of the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testbed.engine import Engine

Host = dict[str, Any]


def create(engine: Engine, script: str, host: Host | None = None, *, query: str = "", **config: Any) -> str:
    """The id of a container that will run `script`."""
    body = {"Image": "box", "Cmd": ["sh", "-c", script], "HostConfig": host or {}, **config}
    return str(engine.json("POST", f"/containers/create{query}", body)["Id"])


def refusal(engine: Engine, host: Host | None = None, *, query: str = "", **config: Any) -> tuple[int, str]:
    """What create answers to a body that cannot be."""
    body = {"Image": "box", "Cmd": ["true"], "HostConfig": host or {}, **config}
    status, answer = engine.api("POST", f"/containers/create{query}", body)
    return status, str(json.loads(answer).get("message", answer))


def start_refusal(engine: Engine, container: str) -> tuple[int, str]:
    status, answer = engine.api("POST", f"/containers/{container}/start")
    return status, str(json.loads(answer)["message"]) if answer else ""


def output(engine: Engine, script: str, host: Host | None = None, **config: Any) -> str:
    """What `script` printed, once it has ended."""
    container = create(engine, script, host, **config)
    try:
        engine.json("POST", f"/containers/{container}/start")
        engine.json("POST", f"/containers/{container}/wait")
        return engine.do("logs", container)
    finally:
        engine.api("DELETE", f"/containers/{container}?force=1&v=1")


@contextmanager
def running(engine: Engine, host: Host | None = None, script: str = "sleep 1000", **config: Any) -> Iterator[str]:
    """A container that stays, for several questions."""
    container = create(engine, script, host, **config)
    engine.json("POST", f"/containers/{container}/start")
    try:
        yield container
    finally:
        engine.api("DELETE", f"/containers/{container}?force=1&v=1")


def sections(text: str) -> dict[str, str]:
    """`== name` lines head what follows: several questions, one container."""
    found: dict[str, str] = {}
    for part in text.split("== ")[1:]:
        name, _, rest = part.partition("\n")
        found[name.strip()] = rest.strip()
    return found
