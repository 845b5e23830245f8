"""Directories that nobody needs any more, removed after the client has its answer.

A handful of files goes at once; a big tree goes in a child process, so that nobody waits for a disk. What a killed
daemon leaves is swept by the next one: these directories are named by ids that no record knows.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from fairlead.engine.tasks import Tasks
from fairlead.linux import files, process

_FEW = 256
_ROUNDS = 8


class Disposer:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def dispose(self, paths: Iterable[Path]) -> None:
        self._tasks.create_task(_remove(list(paths)), name="disposal")


async def answers_first() -> None:
    """Lets whoever was just woken write its answer: a few rounds of the loop, no time. Cleaning up can wait."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


async def _remove(paths: list[Path]) -> None:
    await answers_first()
    for path in paths:
        if _is_small(path):
            files.remove_tree(path)
        else:
            await process.run(["rm", "-rf", "--one-file-system", "--", str(path)])


def _is_small(path: Path) -> bool:
    count = 0
    for _, names, leaves in os.walk(path):
        count += len(names) + len(leaves)
        if count > _FEW:
            return False
    return True
