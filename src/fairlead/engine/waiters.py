"""Who waits for a container to end or to be removed. A waiter is registered before `wait` returns."""

from __future__ import annotations

import asyncio

from fairlead.model.container import Container
from fairlead.model.request import ExitResult, WaitCondition

_Future = asyncio.Future[ExitResult]


class Waiters:
    def __init__(self) -> None:
        self._for_exit: dict[str, set[_Future]] = {}
        self._for_removal: dict[str, set[_Future]] = {}

    def wait(self, container: Container, condition: WaitCondition) -> asyncio.Future[ExitResult]:
        future: _Future = asyncio.get_running_loop().create_future()
        if condition is WaitCondition.NOT_RUNNING and not container.state.status.running:
            future.set_result(ExitResult(container.state.exit_code))
            return future
        waiting = self._for_removal if condition is WaitCondition.REMOVED else self._for_exit
        futures = waiting.setdefault(container.id, set())
        futures.add(future)
        future.add_done_callback(futures.discard)
        return future

    def ended(self, container_id: str, result: ExitResult) -> None:
        _resolve(self._for_exit.pop(container_id, None), result)

    def removed(self, container_id: str, result: ExitResult) -> None:
        """Wakes also those who waited for an exit that will never come."""
        _resolve(self._for_exit.pop(container_id, None), result)
        _resolve(self._for_removal.pop(container_id, None), result)


def _resolve(futures: set[_Future] | None, result: ExitResult) -> None:
    for future in list(futures or ()):
        if not future.done():
            future.set_result(result)
