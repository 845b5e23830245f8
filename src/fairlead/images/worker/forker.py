"""The process that workers are forked from: what they import is imported once (images/workers.py is the other side).

It reads nothing but what the daemon sends: a job's arguments in memory, and descriptors that are to be the job's own.
When the daemon's end closes, for whatever reason, it ends; its workers see that for themselves (entry.py).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from fairlead.images.worker import children, entry

CONTROL_FD = 5
_MOST_FDS = 8
_AHEAD = ("copy", "load", "changes", "transfer")
"""What the commonest jobs import, as soon as nothing is asked for."""


def main() -> None:
    sys.path += sys.argv[2:]
    entry.preload()
    forker = Forker(socket.socket(fileno=CONTROL_FD))
    for name in _AHEAD:
        while forker.serve(wait=False):
            pass
        importlib.import_module(f"fairlead.images.worker.{name}")
    gc.freeze()
    while forker.serve(wait=True):
        pass


class Forker:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._running: dict[int, tuple[int, int]] = {}
        """pidfd → number of the job, pid"""

    def serve(self, *, wait: bool) -> bool:
        """What there is to do, or (`wait`) what comes; whether there was anything."""
        events = self._poll.poll(None if wait else 0)
        for fd, _ in events:
            if fd in self._running:
                self._ended(fd)
            else:
                self._asked()
        return bool(events)

    def _asked(self) -> None:
        data, fds, _, _ = socket.recv_fds(self._control, 1 << 10, _MOST_FDS)
        if not data:
            os._exit(0)
        message: dict[str, Any] = json.loads(data)
        if "kill" in message:
            self._kill(message["kill"])
            return
        pid = children.fork(lambda: self._work(message["targets"], fds))
        for fd in fds:
            os.close(fd)
        pidfd = os.pidfd_open(pid)
        self._running[pidfd] = message["job"], pid
        self._poll.register(pidfd, select.POLLIN)

    def _kill(self, number: int) -> None:
        for job, pid in self._running.values():
            if job == number:
                os.kill(pid, signal.SIGKILL)

    def _work(self, targets: list[int], fds: list[int]) -> None:
        """In the child: `targets` are what the descriptors become, the first of which holds the arguments."""
        self._control.close()
        for pidfd in self._running:
            os.close(pidfd)
        memory, *rest = fds
        for target, fd in zip(targets, rest, strict=True):
            os.dup2(fd, target)
            os.close(fd)
        with open(memory, "rb") as file:
            arguments = json.load(file)
        entry.run(arguments)

    def _ended(self, pidfd: int) -> None:
        self._poll.unregister(pidfd)
        os.close(pidfd)
        number, pid = self._running.pop(pidfd)
        _, status = os.waitpid(pid, 0)
        self._control.send(b"%d %d" % (number, os.waitstatus_to_exitcode(status)))
