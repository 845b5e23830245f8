"""The order of a start, and its undo whichever step fails."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fairlead.engine.connect import Joined
from fairlead.engine.events import Events
from fairlead.engine.lifecycle import Lifecycle, exit_code
from fairlead.engine.registry import Registry
from fairlead.errors import SystemFailure
from fairlead.model.container import Config, Container, HostConfig, Status
from fairlead.runtime.launch import Launched
from fairlead.steps import Steps
from fairlead.store.containers import ContainerStore
from fairlead.store.database import Database

STEPS = [
    "sources", "hold", "mount", "join", "admit", "lines", "write", "create", "reserve", "publish", "connect", "arm",
    "start",
]  # fmt: skip
UNDO = {
    "hold": "let_go", "mount": "umount", "join": "leave", "admit": "dismiss", "create": "forget",
    "reserve": "unreserve", "arm": "disarm",
}  # fmt: skip


class Recorder:
    """Stands for every neighbour at once: notes what is asked of it, and fails where it is told to."""

    def __init__(self, failing: str = "") -> None:
        self.said: list[str] = []
        self._failing = failing

    def _note(self, name: str) -> None:
        self.said.append(name)
        if name == self._failing:
            raise SystemFailure(f"{name} failed")

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self._note(name)

    def mount(self, container_id: str) -> Path:
        self._note("mount")
        return Path("/merged")

    def join(self, container: Container) -> Joined:
        self._note("join")
        return Joined(container, None, "/netns")

    def publishes(self, container: Container) -> bool:
        return True

    def reserve(self, container: Container) -> Steps[Container]:
        yield
        self._note("reserve")
        return container

    def publish(self, container: Container) -> Steps[None]:
        self._note("publish")
        yield

    async def create(self, *args: object) -> Launched:
        self._note("create")
        return Launched(7, 6, 5)

    async def connect(self, container_id: str) -> None:
        self._note("connect")

    async def start(self, container_id: str, *, argv0: str) -> None:
        self._note("start")

    async def delete(self, container_id: str, *, force: bool) -> None:
        self._note("delete")

    def lines(self, container: Container) -> list[str]:
        self._note("lines")
        return []


def start(database: Database, failing: str = "") -> tuple[list[str], Container]:
    registry = Registry(ContainerStore(database))
    web = Container(
        id="a" * 64, name="web", created=datetime.now(UTC), path="sh", config=Config(), host_config=HostConfig()
    )
    registry.add(web)
    neighbour: Any = Recorder(failing)
    made = Lifecycle(
        registry, neighbour, neighbour, neighbour, neighbour, neighbour, neighbour, neighbour, neighbour, neighbour,
        neighbour, Events(),
    )  # fmt: skip
    with pytest.raises(SystemFailure, match=f"{failing} failed") if failing else nullcontext():
        asyncio.run(made.start(web))
    return neighbour.said, registry.get("web")


def test_the_order_of_a_start(database: Database) -> None:
    said, web = start(database)
    assert said == [*STEPS, "attend"]  # once it is over
    assert (web.state.status, web.state.pid, web.state.monitor_pid) == (Status.RUNNING, 7, 6)


@pytest.mark.parametrize("failing", STEPS)
def test_whichever_step_fails_those_before_it_are_undone_in_reverse(database: Database, failing: str) -> None:
    said, web = start(database, failing)
    at = STEPS.index(failing)
    assert said[: at + 1] == STEPS[: at + 1]
    undone = dict.fromkeys(name for name in said[at + 1 :] if name in UNDO.values())
    # What the runtime could not create may still have left something, and ports are published beside it: all of it
    # is undone when that step fails itself.
    begun = STEPS[: STEPS.index("publish")] if failing == "create" else STEPS[:at]
    assert list(undone) == [UNDO[step] for step in reversed(begun) if step in UNDO]
    assert (web.state.status, web.state.error, web.endpoints) == (Status.CREATED, f"{failing} failed", ())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "x": executable file not found in $PATH', 127),
        ('exec: "/x": stat /x: no such file or directory', 127),
        ('exec: "/etc": permission denied', 126),
        ('exec: "/etc": is a directory', 126),
        ("Cannot link to a non running container: /db AS /web/db", 128),
    ],
)
def test_exit_codes_of_what_never_ran(message: str, code: int) -> None:
    assert exit_code(message) == code
