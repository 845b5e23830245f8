"""SIGUSR1: what the daemon is doing goes to its log, as dockerd's goroutines do: its tasks, where each waits, and how
many blocks of memory are in use (which tells a leak from a heap with holes)."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys

log = logging.getLogger(__name__)


def write() -> None:
    gc.collect()
    tasks = asyncio.all_tasks()
    log.info("%d tasks, %d blocks of memory in use", len(tasks), sys.getallocatedblocks())
    for task in sorted(tasks, key=asyncio.Task.get_name):
        frames = task.get_stack(limit=1)
        where = f"{frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else "nowhere"
        log.info("task %s waits at %s", task.get_name(), where)
