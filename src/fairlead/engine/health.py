"""Health checks: a probe runs in the container now and then, and its exit code decides what `ps` says."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from fairlead.engine.events import Events
from fairlead.engine.exec import Execs
from fairlead.engine.registry import Registry
from fairlead.engine.tasks import Tasks
from fairlead.errors import EngineError
from fairlead.model.container import Container, HealthConfig, Status
from fairlead.model.request import ContainerView, ExecRequest

log = logging.getLogger(__name__)

_SECOND_NS = 1_000_000_000
_INTERVAL_S, _TIMEOUT_S, _START_INTERVAL_S, _RETRIES = 30.0, 30.0, 5.0, 3
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"


@dataclass(frozen=True, slots=True)
class Verdict:
    status: str = STARTING
    failures: int = 0


def judge(before: Verdict, *, passed: bool, retries: int, in_start_period: bool) -> Verdict:
    """The verdict after one more probe. Failures while the container starts up do not count."""
    if passed:
        return Verdict(HEALTHY)
    if in_start_period and before.status == STARTING:
        return before
    failures = before.failures + 1
    return Verdict(UNHEALTHY if failures >= (retries or _RETRIES) else before.status, failures)


def command(health: HealthConfig | None, shell: tuple[str, ...]) -> tuple[str, ...]:
    """What to run; () = nothing."""
    match health.test if health is not None else ():
        case ("CMD", *words) if words:
            return tuple(words)
        case ("CMD-SHELL", text):
            return (*(shell or ("/bin/sh", "-c")), text)
    return ()


class Health:
    def __init__(self, tasks: Tasks, registry: Registry, execs: Execs, events: Events) -> None:
        self._tasks = tasks
        self._registry = registry
        self._execs = execs
        self._events = events
        self._verdicts: dict[str, Verdict] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}

    def begin(self, container: Container) -> None:
        """The container has started."""
        if command(container.config.health, container.config.shell):
            self._verdicts[container.id] = Verdict()
            probe = self._watch(container)
            self._probes[container.id] = self._tasks.create_task(probe, name=f"health {container.name}")

    def end(self, container_id: str) -> None:
        if (task := self._probes.pop(container_id, None)) is not None:
            task.cancel()

    def forget(self, container_id: str) -> None:
        self.end(container_id)
        self._verdicts.pop(container_id, None)

    def status(self, container: Container) -> str:
        """`starting`, `healthy`, `unhealthy`, or '' where there is no check."""
        verdict = self._verdicts.get(container.id)
        return verdict.status if verdict is not None else ""

    def shown(self, view: ContainerView) -> ContainerView:
        if view.container.id not in self._verdicts:
            return view
        return replace(view, health_status=self.status(view.container))

    async def _watch(self, container: Container) -> None:
        health = container.config.health or HealthConfig()
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            young = loop.time() - began < _seconds(health.start_period_ns, 0.0)
            starting = young and self._verdicts[container.id].status == STARTING
            await asyncio.sleep(
                _seconds(health.start_interval_ns, _START_INTERVAL_S)
                if starting
                else _seconds(health.interval_ns, _INTERVAL_S)
            )
            now = self._registry.by_id(container.id)
            if now is None:
                return
            if now.state.status is not Status.RUNNING:
                continue
            passed = await self._probe(now, health)
            young = loop.time() - began < _seconds(health.start_period_ns, 0.0)
            before = self._verdicts[container.id]
            after = judge(before, passed=passed, retries=health.retries, in_start_period=young)
            self._verdicts[container.id] = after
            if after.status != before.status:
                self._events.container(now, f"health_status: {after.status}")

    async def _probe(self, container: Container, health: HealthConfig) -> bool:
        words = command(health, container.config.shell)
        try:
            exec_id = await self._execs.create(container.id, ExecRequest(cmd=words, attach_stdout=True))
            async with asyncio.timeout(_seconds(health.timeout_ns, _TIMEOUT_S)):
                stream = await self._execs.start(exec_id, detach=False, tty=False, console_size=None)
                while stream is not None and await stream.read() is not None:
                    pass
                view = await self._execs.inspect(exec_id)
        except (EngineError, TimeoutError) as error:
            log.info("health check of %s: %s", container.name, error)
            return False
        return view.exit_code == 0


def _seconds(duration_ns: int, default_s: float) -> float:
    return duration_ns / _SECOND_NS if duration_ns else default_s
