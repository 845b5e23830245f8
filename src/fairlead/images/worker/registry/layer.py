"""One layer: fetched here, inflated by one child and unpacked by another, below a chroot, all at the same time.

Processes of their own, since below the chroot nothing may be looked up (a resolver there would read the layer's own
files), since whoever inflates what strangers packed needs no credentials, and since two cores are faster than one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from fairlead.images.worker import children, entry, inflate
from fairlead.images.worker.registry import failure
from fairlead.images.worker.registry.documents import Descriptor
from fairlead.images.worker.registry.download import Download, Patience
from fairlead.images.worker.registry.failure import Failure
from fairlead.images.worker.registry.http import Remote

_PIPE_BYTES = 1 << 20
_INTERVAL_S = 0.1
Say = Callable[[Mapping[str, Any]], None]


class _Closed(Exception):
    """The children read no more: one of them refused what it got."""


def run(remote: Remote, command: Mapping[str, Any], patience: Patience, say: Say) -> dict[str, Any]:
    """`digest`, `size`, `target`, `recipe`, `limit`, `diff_id` → what the unpacking found."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    job = command["job"]
    reader, writer = _pipe()
    tar_reader, tar_writer = _pipe()

    def unpack() -> dict[str, Any]:
        for fd in (writer, reader, tar_writer):
            os.close(fd)
        return entry.guarded(lambda given: entry.unpack_from(tar_reader, given, plain=True), dict(command)) or {}

    def unfold() -> dict[str, Any]:
        os.close(writer)
        return entry.guarded(lambda _: inflate.carry(reader, tar_writer), {}) or {}

    unpacking = children.Asked(unpack)
    os.close(tar_reader)
    inflating = children.Asked(unfold)
    os.close(reader)
    os.close(tar_writer)
    progress = _Progress(lambda current: say({"job": job, "now": "downloading", "current": current}))

    def write(data: bytes) -> None:
        try:
            children.write(writer, data)
        except BrokenPipeError as error:
            raise _Closed from error

    def waits(seconds: float) -> None:
        say({"job": job, "now": "waits", "seconds": round(seconds) or 1})

    blob = Descriptor(command["digest"], command["size"])
    try:
        Download(remote, blob, patience, write=write, tell=progress.at, waits=waits).run()
    except _Closed:
        pass  # its answer says why
    except BaseException:
        for child in (inflating, unpacking):
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
        raise
    os.close(writer)
    say({"job": job, "now": "complete"})
    inflated, unpacked = inflating.answer(), unpacking.answer()
    if "left" in inflated:  # the unpacking child has refused what it got, and says why
        return _checked(unpacked, command)
    failed = not inflated or "refused" in inflated or "error" in inflated
    return _checked(inflated if failed or not unpacked else {**unpacked, **inflated}, command)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    with contextlib.suppress(OSError):  # beyond the user's share of pipes
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


def _checked(answer: dict[str, Any], command: Mapping[str, Any]) -> dict[str, Any]:
    if "refused" in answer:
        raise Failure(f"failed to register layer: {answer['refused']}", failure.REFUSED)
    if "error" in answer or not answer:
        raise Failure(f"failed to register layer: {answer.get('error', 'the unpacking process was killed')}")
    if answer["diff_id"] != command["diff_id"]:
        raise Failure(
            f"layer {command['digest']} is not the one that the image's configuration names: expected "
            f"{command['diff_id']}, got {answer['diff_id']}",
            failure.REFUSED,
        )
    return answer


class _Progress:
    """Tells now and then."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._next = 0.0

    def at(self, current: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL_S
            self._tell(current)
