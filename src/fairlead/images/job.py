"""Starts images/worker in a child process: archives and trees are handled there, never on the loop.

A worker holds the reading end of a pipe whose other end is ours: when that closes, with a killed daemon too, it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import fairlead
from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.linux import process

_SOURCE = str(Path(fairlead.__file__).parent.parent)
_PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from fairlead.images.worker.entry import main; main()"


async def run(
    operation: str,
    arguments: Mapping[str, Any],
    *,
    chunks: AsyncIterator[bytes] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
) -> dict[str, Any]:
    """One operation; its answer. Refused input is InvalidParameter. `chunks` or the open file `stdin` is its input."""
    text = json.dumps({"operation": operation, **arguments})
    answer_r, answer_w = os.pipe2(os.O_CLOEXEC)
    life_r, life_w = os.pipe2(os.O_CLOEXEC)
    fds = {3: answer_w, 4: life_r}
    feed_w = -1
    if chunks is not None:
        feed_r, feed_w = os.pipe2(os.O_CLOEXEC)
        fds[0] = feed_r
    elif stdin is not None:
        fds[0] = stdin
    if stdout is not None:
        fds[1] = stdout
    fds[2] = 2
    try:
        child = process.spawn([sys.executable, "-I", "-S", "-c", _PROGRAM, _SOURCE, text], fds=fds)
    finally:
        os.close(answer_w)
        os.close(life_r)
        if chunks is not None:
            os.close(fds[0])
    try:
        if chunks is not None:
            await feed(chunks, feed_w)
        raw, code = await asyncio.gather(process.read_all(answer_r), process.wait(child))
    except BaseException:
        _end(child)
        raise
    finally:
        os.close(life_w)
    answer: dict[str, Any] = json.loads(raw) if raw else {"error": f"image worker ended with {code}"}
    if "refused" in answer:
        raise InvalidParameter(str(answer["refused"]))
    if "error" in answer:
        raise SystemFailure(f"{operation}: {answer['error']}")
    return answer


def _end(child: process.Child) -> None:
    """Kills a worker and waits for it: what it was writing to may be removed at once."""
    try:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it had ended, and was reaped


async def output(operation: str, arguments: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """What an operation writes to its stdout, as it comes; its failure is raised at the end."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        task = asyncio.get_running_loop().create_task(
            run(operation, arguments, stdout=writer), name=f"image worker: {operation}"
        )
        await asyncio.sleep(0)  # the child has its copy of the pipe's end once the task has begun
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    loop = asyncio.get_running_loop()
    try:
        while True:
            try:
                data = os.read(reader, 1 << 18)
            except BlockingIOError:
                ready: asyncio.Future[None] = loop.create_future()
                loop.add_reader(reader, _resolve, ready)
                try:
                    await ready
                finally:
                    loop.remove_reader(reader)
                continue
            if not data:
                break
            yield data
        await task
    finally:
        os.close(reader)
        if not task.done():
            task.cancel()


async def feed(chunks: AsyncIterator[bytes], fd: int) -> None:
    """Writes a stream into a pipe as fast as its reader takes it; closes it. A reader that is gone ends it quietly."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    try:
        async for chunk in chunks:
            view = memoryview(chunk)
            while view:
                try:
                    view = view[os.write(fd, view) :]
                except BlockingIOError:
                    await _writable(loop, fd)
                except BrokenPipeError:
                    return
    finally:
        os.close(fd)


async def _writable(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, _resolve, ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


def site() -> str:
    """Where the worker finds zstandard."""
    import zstandard

    return str(Path(zstandard.__file__).parent.parent)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
