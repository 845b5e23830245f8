"""Long work in short steps, for a daemon of one thread: between two of them others have their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")

Steps = Generator[None, None, T]


def finish(steps: Steps[T]) -> T:
    """All steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


async def beside(steps: Steps[T], other: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Takes the steps while `other` waits for the kernel or for children. Both come to their end, whichever fails."""
    done, walked = await asyncio.gather(other, _walk(steps), return_exceptions=True)
    if isinstance(done, BaseException):
        raise done
    if isinstance(walked, BaseException):
        raise walked
    return walked, done


async def _walk(steps: Steps[T]) -> T:
    try:
        while True:
            try:
                next(steps)
            except StopIteration as end:
                value: T = end.value
                return value
            await asyncio.sleep(0)
    finally:
        steps.close()
