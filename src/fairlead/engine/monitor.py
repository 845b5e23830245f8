"""One watcher per running container: sees its end, takes it down, tells who waits, and asks the restart policy."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from fairlead.engine import disposal, restart, state
from fairlead.engine.events import Events
from fairlead.engine.health import HealthChecks
from fairlead.engine.lifecycle import Lifecycle
from fairlead.engine.logs import Logs
from fairlead.engine.registry import Registry
from fairlead.engine.removal import Remover
from fairlead.engine.tasks import Tasks
from fairlead.engine.waiters import Waiters
from fairlead.errors import EngineError
from fairlead.model.container import Container, Status
from fairlead.model.request import ExitResult
from fairlead.runtime.launch import Exit
from fairlead.runtime.runtime import Runtime

log = logging.getLogger(__name__)


class _Session:
    """One container from a start by the user to its last end, restarts by the policy included."""

    def __init__(self) -> None:
        self.given_up = asyncio.Event()
        self.delay_s = 0.0


class Monitor:
    def __init__(
        self,
        tasks: Tasks,
        registry: Registry,
        lifecycle: Lifecycle,
        remover: Remover,
        runtime: Runtime,
        health: HealthChecks,
        logs: Logs,
        waiters: Waiters,
        events: Events,
    ) -> None:
        self._tasks = tasks
        self._registry = registry
        self._lifecycle = lifecycle
        self._remover = remover
        self._runtime = runtime
        self._health = health
        self._logs = logs
        self._waiters = waiters
        self._events = events
        self._sessions: dict[str, _Session] = {}
        self._held: set[str] = set()

    def watch(self, container: Container) -> None:
        """From now on, the container's end is noticed."""
        session = self._sessions[container.id] = _Session()
        self._tasks.create_task(self._run(container, session), name=f"monitor {container.name}")

    async def take_back(self, container: Container, *, alive: bool) -> None:
        """A container of the last daemon: watched again, or its end made up for before anybody asks."""
        if alive:
            self.watch(container)
            return
        was = container.state
        ended = await self._runtime.watch(container.id, was.monitor_pid, was.monitor_start_ticks)
        async with self._registry.lock(container.id):
            await self._ended(container.id, ended, _Session())

    def give_up(self, container: Container) -> Container:
        """A container between two restarts is to stay stopped. The caller holds its lock."""
        stopped = self._registry.save(replace(container, state=state.gave_up(state.stopping(container.state))))
        if (session := self._sessions.get(container.id)) is not None:
            session.given_up.set()
        self._waiters.ended(container.id, ExitResult(container.state.exit_code))
        return stopped

    def hold(self, container_id: str, *, held: bool) -> None:
        """While held, `--rm` waits: the container is only being restarted."""
        if held:
            self._held.add(container_id)
        else:
            self._held.discard(container_id)

    async def _run(self, container: Container, session: _Session) -> None:
        now: Container | None = container
        while now is not None:
            self._health.begin(now)
            self._logs.begin(now)
            ended = await self._runtime.watch(now.id, now.state.monitor_pid, now.state.monitor_start_ticks)
            self._health.end(now.id)
            async with self._registry.lock(now.id):
                again = await self._ended(now.id, ended, session)
            now = await self._restart(again, session) if again is not None else None
        if self._sessions.get(container.id) is session:
            del self._sessions[container.id]

    async def _ended(self, container_id: str, ended: Exit, session: _Session) -> Container | None:
        """Takes down what ran; the record if it is to be started again."""
        container = self._registry.by_id(container_id)
        if container is None or not container.state.status.running:
            return None
        was = container.state
        again = restart.wanted(
            container.host_config.restart_policy,
            exit_code=ended.code,
            stopped_by_user=was.stopped_by_user,
            restart_count=was.restart_count,
        )
        container = self._lifecycle.leave(container)
        after = state.ended(
            was, exit_code=ended.code, oom_killed=ended.oom_killed, at=ended.finished_at, restarting=again
        )
        goes = container.host_config.auto_remove and container_id not in self._held
        container = replace(container, state=after)
        if not goes:
            self._registry.save(container)
        self._logs.ended(container_id)
        ran_s = (ended.finished_at - was.started_at).total_seconds() if was.started_at else 0.0
        session.delay_s = restart.delay(session.delay_s, ran_s)
        if ended.oom_killed:
            self._events.container(container, "oom")
        self._events.container(container, "die", execDuration=str(int(ran_s)), exitCode=str(ended.code))
        if goes:
            self._remover.remove(container, volumes=True)
        else:
            self._waiters.ended(container_id, ExitResult(ended.code))
        await disposal.answers_first()
        await self._lifecycle.discard(container)
        return container if again else None

    async def _restart(self, container: Container, session: _Session) -> Container | None:
        try:
            async with asyncio.timeout(session.delay_s):
                await session.given_up.wait()
                return None
        except TimeoutError:
            pass
        async with self._registry.lock(container.id):
            now = self._registry.by_id(container.id)
            if now is None or session.given_up.is_set() or now.state.status is not Status.RESTARTING:
                return None
            try:
                return await self._lifecycle.start(now)
            except EngineError as error:
                log.warning("restart of %s failed: %s", now.name, error.message)
                self._waiters.ended(now.id, ExitResult(now.state.exit_code, error.message))
                return None
