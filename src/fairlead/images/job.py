"""Starts images/worker in a child process: archives and trees are handled there, never on the loop.

A worker holds the reading end of a pipe whose other end is ours: when that closes, with a killed daemon too, it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import fairlead
from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.linux import process

_SOURCE = str(Path(fairlead.__file__).parent.parent)
_PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from fairlead.images.worker.entry import main; main()"
_PIPE = 1 << 20


async def run(
    operation: str,
    arguments: Mapping[str, Any],
    *,
    chunks: AsyncIterator[bytes] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
) -> dict[str, Any]:
    """One operation; its answer. Refused input is InvalidParameter. `chunks` or the open file `stdin` is its input."""
    answer_r, answer_w = os.pipe2(os.O_CLOEXEC)
    fds = {3: answer_w}
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
        child, life = _spawn(operation, arguments, fds)
    except BaseException:
        os.close(answer_r)
        raise
    finally:
        os.close(answer_w)
        if chunks is not None:
            os.close(fds[0])
    try:
        if chunks is not None:
            try:
                await feed(chunks, feed_w)
            except BaseException:
                os.close(answer_r)
                raise
        raw, _ = await asyncio.gather(process.read_all(answer_r), process.wait_pidfd(child.pidfd))
    except BaseException:
        await process.end(child)
        raise
    finally:
        os.close(life)
    code = await process.wait(child)
    return _checked(operation, json.loads(raw) if raw else {"error": f"image worker ended with {code}"})


def _spawn(operation: str, arguments: Mapping[str, Any], fds: Mapping[int, int]) -> tuple[process.Child, int]:
    """The worker, and our end of the pipe it lives by."""
    text = json.dumps({"operation": operation, **arguments})
    worker_end, life = os.pipe2(os.O_CLOEXEC)
    try:
        argv = [sys.executable, "-I", "-S", "-c", _PROGRAM, _SOURCE, text]
        return process.spawn(argv, fds={**fds, 4: worker_end}), life
    except BaseException:
        os.close(life)
        raise
    finally:
        os.close(worker_end)


def _checked(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    if "refused" in answer:
        raise InvalidParameter(str(answer["refused"]))
    if "error" in answer:
        raise SystemFailure(f"{operation}: {answer['error']}")
    return answer


async def begin(operation: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], Output]:
    """An operation that answers before its output: the answer, and the output, to be read to its end or closed."""
    answer_r, answer_w = os.pipe2(os.O_CLOEXEC)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        child, life = _spawn(operation, arguments, {1: writer, 2: 2, 3: answer_w})
    except BaseException:
        os.close(answer_r)
        os.close(reader)
        raise
    finally:
        os.close(answer_w)
        os.close(writer)
    output = Output(operation, child, reader, life)
    try:
        raw = await process.read_all(answer_r)
        return _checked(operation, json.loads(raw) if raw else {"error": "the worker ended without an answer"}), output
    except BaseException:
        await output.aclose()
        raise


class Output:
    """What a worker writes to its stdout. Closed early, it ends the worker."""

    def __init__(self, operation: str, child: process.Child, reader: int, life: int) -> None:
        self._operation = operation
        self._child = child
        self._reader = reader
        self._life = life
        os.set_blocking(reader, False)
        try:
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, _PIPE)
        except OSError:
            pass  # beyond the user's share of pipes: slower

    def __aiter__(self) -> Output:
        return self

    async def __anext__(self) -> bytes:
        if self._reader < 0:
            raise StopAsyncIteration
        if data := await _read(self._reader):
            return data
        self._close()
        code = await process.wait(self._child)
        os.close(self._life)
        if code:
            raise SystemFailure(f"{self._operation}: the worker ended with {code}")
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if self._reader >= 0:
            self._close()
            os.close(self._life)
            await process.end(self._child)

    def _close(self) -> None:
        os.close(self._reader)
        self._reader = -1


async def _read(reader: int) -> bytes:
    """Some bytes of a pipe; none at its end."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return os.read(reader, _PIPE)
        except BlockingIOError:
            ready: asyncio.Future[None] = loop.create_future()
            loop.add_reader(reader, _resolve, ready)
            try:
                await ready
            finally:
                loop.remove_reader(reader)


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
    try:
        while data := await _read(reader):
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
