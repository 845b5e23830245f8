"""Children of a worker: forked, since the worker has one thread, and since what it imported need not be read again."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any


def fork(work: Callable[[], object]) -> int:
    """Runs `work` in a child and ends it there; its number."""
    pid = os.fork()  # noqa: TID251  # one thread, and nothing of the daemon in here
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001  # nothing may come back from a child
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(code)


class Asked:
    """A child that gives one JSON answer through a pipe."""

    def __init__(self, work: Callable[[], dict[str, Any]]) -> None:
        self._reader, writer = os.pipe()

        def answer() -> None:
            write(writer, json.dumps(work()).encode())

        self.pid = fork(answer)
        os.close(writer)

    def answer(self) -> dict[str, Any]:
        """What it said; empty if it ended without a word."""
        data = bytearray()
        while piece := os.read(self._reader, 1 << 16):
            data += piece
        os.close(self._reader)
        os.waitpid(self.pid, 0)
        found: dict[str, Any] = json.loads(data) if data else {}
        return found


def write(fd: int, data: bytes | memoryview) -> None:
    """All of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
