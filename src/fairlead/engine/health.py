"""Health checks: a probe runs in the container now and then, and its exit code decides what `ps` says."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime

from fairlead.engine.events import Events
from fairlead.engine.exec import Execs
from fairlead.engine.registry import Registry
from fairlead.engine.tasks import Tasks
from fairlead.errors import EngineError
from fairlead.model.container import Container, HealthConfig, Status
from fairlead.model.request import ContainerView, ExecRequest, Health, Probe

log = logging.getLogger(__name__)

_SECOND_NS = 1_000_000_000
_INTERVAL_NS, _TIMEOUT_NS, _START_INTERVAL_NS, _RETRIES = 30 * _SECOND_NS, 30 * _SECOND_NS, 5 * _SECOND_NS, 3
_KEPT, _MAX_OUTPUT = 5, 4096
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"


def judge(before: Health, probe: Probe, *, retries: int, in_start_period: bool) -> Health:
    """The verdict after one more probe. Failures while the container starts up do not count."""
    kept = (*before.log, probe)[-_KEPT:]
    if probe.exit_code == 0:
        return Health(HEALTHY, 0, kept)
    if in_start_period and before.status == STARTING:
        return replace(before, log=kept)
    failures = before.failures + 1
    return Health(UNHEALTHY if failures >= (retries or _RETRIES) else before.status, failures, kept)


def command(health: HealthConfig | None, shell: tuple[str, ...]) -> tuple[str, ...]:
    """What to run; () = nothing."""
    match health.test if health is not None else ():
        case ("CMD", *words) if words:
            return tuple(words)
        case ("CMD-SHELL", text):
            return (*(shell or ("/bin/sh", "-c")), text)
    return ()


class HealthChecks:
    def __init__(self, tasks: Tasks, registry: Registry, execs: Execs, events: Events) -> None:
        self._tasks = tasks
        self._registry = registry
        self._execs = execs
        self._events = events
        self._verdicts: dict[str, Health] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}

    def begin(self, container: Container) -> None:
        """The container has started."""
        if command(container.config.health, container.config.shell):
            self._verdicts[container.id] = Health()
            watch = self._watch(container, container.config.health or HealthConfig())
            self._watches[container.id] = self._tasks.create_task(watch, name=f"health {container.name}")

    def end(self, container_id: str) -> None:
        if (task := self._watches.pop(container_id, None)) is not None:
            task.cancel()

    def forget(self, container_id: str) -> None:
        self.end(container_id)
        self._verdicts.pop(container_id, None)

    def status(self, container: Container) -> str:
        """`starting`, `healthy`, `unhealthy`, or '' where there is no check."""
        verdict = self._verdicts.get(container.id)
        return verdict.status if verdict is not None else ""

    def shown(self, view: ContainerView) -> ContainerView:
        verdict = self._verdicts.get(view.container.id)
        return view if verdict is None else replace(view, health=verdict)

    async def _watch(self, container: Container, health: HealthConfig) -> None:
        loop = asyncio.get_running_loop()
        young_until = loop.time() + health.start_period_ns / _SECOND_NS
        while True:
            before = self._verdicts[container.id]
            hurried = before.status == STARTING and loop.time() < young_until
            await asyncio.sleep(_pause_ns(health, hurried=hurried) / _SECOND_NS)
            now = self._registry.by_id(container.id)
            if now is None:
                return
            if now.state.status is not Status.RUNNING:
                continue
            young = loop.time() < young_until
            probe = await self._probe(now, health)
            after = judge(before, probe, retries=health.retries, in_start_period=young)
            self._verdicts[container.id] = after
            if after.status != before.status:
                self._events.container(now, f"health_status: {after.status}")

    async def _probe(self, container: Container, health: HealthConfig) -> Probe:
        began = datetime.now(UTC)
        output = _Output()
        try:
            code = await self._run(container, health, output)
        except EngineError as error:
            return Probe(began, datetime.now(UTC), -1, error.message)
        if code is None:
            late = f"Health check exceeded timeout ({duration(health.timeout_ns or _TIMEOUT_NS)})"
            return Probe(began, datetime.now(UTC), -1, f"{late}: {output}" if output.data else late)
        return Probe(began, datetime.now(UTC), code, str(output))

    async def _run(self, container: Container, health: HealthConfig, output: _Output) -> int | None:
        """The exit code; None if it took too long, and was killed."""
        words = command(health, container.config.shell)
        wanted = ExecRequest(cmd=words, attach_stdout=True, attach_stderr=True)
        exec_id = await self._execs.create(container.id, wanted)
        stream = await self._execs.start(exec_id, detach=False, tty=False, console_size=None)
        if stream is None:
            return None
        try:
            async with asyncio.timeout((health.timeout_ns or _TIMEOUT_NS) / _SECOND_NS):
                while (packet := await stream.read()) is not None:
                    output.add(packet[1])
                return (await self._execs.inspect(exec_id)).exit_code
        except TimeoutError:
            self._execs.kill(exec_id)
            return None
        finally:
            await stream.close()


class _Output:
    """As much of a probe's output as is kept."""

    def __init__(self) -> None:
        self.data = b""
        self._cut = False

    def add(self, data: bytes) -> None:
        self._cut = self._cut or len(self.data) + len(data) > _MAX_OUTPUT
        self.data = (self.data + data)[:_MAX_OUTPUT]

    def __str__(self) -> str:
        return self.data.decode(errors="replace") + ("..." if self._cut else "")


def _pause_ns(health: HealthConfig, *, hurried: bool) -> int:
    if hurried:
        return health.start_interval_ns or _START_INTERVAL_NS
    return health.interval_ns or _INTERVAL_NS


def duration(ns: int) -> str:
    """As Go prints it: `1m30s`, `1.5s`, `100ms`."""
    if ns < _SECOND_NS:
        return f"{ns / 1e6:g}ms" if ns >= 1_000_000 else f"{ns / 1e3:g}µs"
    minutes, rest = divmod(ns, 60 * _SECOND_NS)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / _SECOND_NS:.9f}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
