"""Messages of something that runs meanwhile: a pull's many layers speak through one queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

Message = Mapping[str, Any]
Say = Callable[[Message], None]
_ENOUGH = 256
"""Messages that wait for a slow client; beyond that mere progress is left out."""
_BOX = 50


async def run(work: Callable[[Say], Awaitable[None]]) -> AsyncIterator[Message]:
    """What `work` says, as it comes; then its error if it failed. Left early, it is cancelled and waited for."""
    queue: asyncio.Queue[Message | None] = asyncio.Queue()

    def say(message: Message) -> None:
        if queue.qsize() < _ENOUGH or not message.get("progressDetail"):
            queue.put_nowait(message)

    async def whole() -> None:
        try:
            await work(say)
        finally:
            queue.put_nowait(None)

    task = asyncio.get_running_loop().create_task(whole(), name="transfer")
    try:
        while (message := await queue.get()) is not None:
            yield message
        await task
    except BaseExceptionGroup as group:
        raise first(group) from None
    finally:
        task.cancel()
        await asyncio.wait([task])


def first(error: BaseException) -> BaseException:
    """Of many that failed together, the one to tell of."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def status(text: str, identifier: str = "") -> Message:
    """What happens to a layer now."""
    if not identifier:
        return {"status": text}
    return {"status": text, "progressDetail": {}, "id": identifier}


def progress(text: str, identifier: str, current: int, total: int) -> Message:
    """How far it is, with the bar that old clients print as it is."""
    return {
        "status": text,
        "progressDetail": {"current": current, "total": total},
        "progress": _bar(current, total),
        "id": identifier,
    }


def _bar(current: int, total: int) -> str:
    share = min(100, current * 100 // total) // 2 if total > 0 else 0
    box = "=" * share + ">" + " " * (_BOX - share)
    return f"[{box}] {_size(current):>8}/{_size(total)}"


def _size(number: float) -> str:
    """Four digits at most, as Docker's units package writes them."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.4g}{unit}"
        number /= 1000
    return f"{number:.4g}PB"
