"""Awaiting with a word before waiting: what is ready at once is taken at once, and only then is there cause to tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Prompt(Generic[T]):
    """Awaits `work`; `waits` is called first if it does not end without waiting."""

    def __init__(self, work: Awaitable[T], waits: Callable[[], None]) -> None:
        self._work = work
        self._waits = waits

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._work.__await__()
        step: Callable[[], Any] = partial(next, steps)
        told = False
        while True:
            try:
                waited_for = step()
            except StopIteration as end:
                result: T = end.value
                return result
            if not told:
                self._waits()
                told = True
            try:
                sent = yield waited_for
            except BaseException as error:  # noqa: BLE001  # a cancellation, too, is for the work
                step = partial(_throw, steps, error)
            else:
                step = partial(_send, steps, sent)


def _send(steps: Any, value: Any) -> Any:
    return next(steps) if value is None else steps.send(value)


def _throw(steps: Any, error: BaseException) -> Any:
    return steps.throw(error)
