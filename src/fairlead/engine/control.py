"""start, stop, restart, kill, pause, unpause: what a client does to a container's process."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace

from fairlead.engine import state
from fairlead.engine.events import Events
from fairlead.engine.lifecycle import Lifecycle
from fairlead.engine.monitor import Monitor
from fairlead.engine.registry import Registry
from fairlead.engine.removal import Remover
from fairlead.engine.signals import parse, stop_signal
from fairlead.engine.waiters import Waiters
from fairlead.errors import Conflict, EngineError, NotModified, SystemFailure
from fairlead.model.container import Container, Status
from fairlead.model.request import ExitResult, WaitCondition
from fairlead.runtime.runtime import Runtime

_STOP_TIMEOUT_S = 10
_KILL_TIMEOUT_S = 15


class Control:
    def __init__(
        self,
        registry: Registry,
        lifecycle: Lifecycle,
        monitor: Monitor,
        remover: Remover,
        runtime: Runtime,
        waiters: Waiters,
        events: Events,
    ) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._monitor = monitor
        self._remover = remover
        self._runtime = runtime
        self._waiters = waiters
        self._events = events

    async def start(self, container: Container, *, by_policy: bool = False) -> None:
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            _check_startable(container)
            if not by_policy:
                container = replace(container, state=replace(container.state, restart_count=0))
            try:
                container = await self._lifecycle.start(container)
            except EngineError:
                self._start_failed(container)
                raise
            self._monitor.watch(container)

    def _start_failed(self, container: Container) -> None:
        now = self._registry.by_id(container.id)
        if now is not None and now.host_config.auto_remove:
            self._remover.remove(now, volumes=True)

    async def stop(self, container: Container, *, timeout_s: int | None, signal: str | None) -> None:
        number = parse(signal) if signal else stop_signal(container.config.stop_signal)
        if timeout_s is None:
            timeout_s = container.config.stop_timeout_s
        if timeout_s is None:
            timeout_s = _STOP_TIMEOUT_S
        if not container.state.status.running:
            raise NotModified(f"container {container.id} is not running")
        await self._stop(container, number, timeout_s if timeout_s >= 0 else None)
        self._events.container(container, "stop")

    async def _stop(self, container: Container, number: int, timeout_s: int | None) -> None:
        ended = await self._ask_to_end(container, number)
        if ended is not None and not await _within(ended, timeout_s):
            await self._send(container, int(signals.SIGKILL))
            if not await _within(ended, _KILL_TIMEOUT_S):
                raise SystemFailure(f"cannot stop container: {container.name}: it did not end within "
                                    f"{_KILL_TIMEOUT_S} s of SIGKILL")  # fmt: skip

    async def _ask_to_end(self, container: Container, number: int) -> asyncio.Future[ExitResult] | None:
        """Sends the signal; what to wait for, or None if the container does not run any more."""
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            if container.state.status is Status.RESTARTING:
                self._monitor.give_up(container)
                return None
            if not container.state.status.running:
                return None
            container = self._registry.save(replace(container, state=state.stopping(container.state)))
            ended = self._waiters.wait(container, WaitCondition.NEXT_EXIT)
            await self._send(container, number)
            if container.state.status is Status.PAUSED:
                await self._thaw(container)
            return ended

    async def restart(self, container: Container, *, timeout_s: int | None, signal: str | None) -> None:
        self._monitor.hold(container.id, held=True)
        try:
            with suppress(NotModified):
                await self.stop(container, timeout_s=timeout_s, signal=signal)
            await self.start(container)
        except EngineError as error:
            raise type(error)(f"Cannot restart container {container.name}: {error.message}") from error
        finally:
            self._monitor.hold(container.id, held=False)
        self._events.container(container, "restart")

    async def kill(self, container: Container, signal: str, ref: str) -> None:
        number = parse(signal)
        ends = number in (signals.SIGKILL, stop_signal(container.config.stop_signal))
        ended = None
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            if container.state.status is Status.RESTARTING and ends:
                self._monitor.give_up(container)
                return
            if not container.state.status.running or container.state.status is Status.RESTARTING:
                raise Conflict(f"cannot kill container: {ref}: container {container.id} is not running")
            if ends:
                container = self._registry.save(replace(container, state=state.stopping(container.state)))
            if number == signals.SIGKILL:
                ended = self._waiters.wait(container, WaitCondition.NEXT_EXIT)
            await self._send(container, number)
            if ends and container.state.status is Status.PAUSED:
                await self._thaw(container)
        if ended is not None:
            await _within(ended, _KILL_TIMEOUT_S)

    async def _send(self, container: Container, number: int) -> None:
        with suppress(Conflict):  # it has ended by itself meanwhile
            await self._runtime.kill(container.id, number)
        self._events.container(container, "kill", signal=str(number))

    async def pause(self, container: Container) -> None:
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            match container.state.status:
                case Status.RUNNING:
                    pass
                case Status.PAUSED:
                    raise Conflict(f"container {container.id} is already paused")
                case Status.RESTARTING:
                    raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
                case _:
                    raise Conflict(f"container {container.id} is not running")
            await self._runtime.pause(container.id)
            container = self._registry.save(replace(container, state=state.paused(container.state)))
            self._events.container(container, "pause")

    async def unpause(self, container: Container) -> None:
        async with self._registry.lock(container.id):
            container = self._registry.current(container)
            if container.state.status is not Status.PAUSED:
                raise Conflict(f"Container {container.id} is not paused")
            await self._resume(container)

    async def _thaw(self, container: Container) -> None:
        """So that a signal reaches it. With cgroups v2 SIGKILL does so anyway: it may have ended."""
        with suppress(Conflict):
            await self._runtime.resume(container.id)
        self._resumed(container)

    async def _resume(self, container: Container) -> None:
        await self._runtime.resume(container.id)
        self._resumed(container)

    def _resumed(self, container: Container) -> None:
        container = self._registry.save(replace(container, state=state.resumed(container.state)))
        self._events.container(container, "unpause")


def _check_startable(container: Container) -> None:
    match container.state.status:
        case Status.RUNNING | Status.RESTARTING:
            raise NotModified(f"container {container.id} is already running")
        case Status.PAUSED:
            raise Conflict("cannot start a paused container, try unpause instead")
        case Status.REMOVING | Status.DEAD:
            raise Conflict("container is marked for removal and cannot be started")


async def _within(ended: Awaitable[ExitResult], timeout_s: float | None) -> bool:
    """Whether the end came in time; None waits for ever."""
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.shield(ended)
    except TimeoutError:
        return False
    return True
