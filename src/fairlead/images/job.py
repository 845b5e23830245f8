"""Jobs for images/worker: archives and trees are handled there, in processes of their own, never on the loop.

A job is an operation with JSON arguments and a JSON answer; what is long goes over pipes or files of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fairlead.errors import EngineError, InvalidParameter, SystemFailure
from fairlead.images.workers import Worker, Workers
from fairlead.linux import pipes, process

_ANSWER = 3
Answer = dict[str, Any]


class Jobs:
    def __init__(self) -> None:
        self._workers = Workers()

    async def run(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        *,
        chunks: AsyncIterator[bytes] | None = None,
        stdin: int | None = None,
    ) -> Answer:
        """One operation; its answer. Refused input is InvalidParameter. `chunks` or the open `stdin` is its input."""
        if chunks is None:
            return await (await self._start(operation, arguments, {} if stdin is None else {0: stdin})).finish()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        pipes.widen(writer)
        try:
            job = await self._start(operation, arguments, {0: reader})
        except BaseException:
            os.close(writer)
            raise
        finally:
            os.close(reader)
        try:
            await pipes.feed(chunks, writer)
        except BaseException:
            await job.end()
            raise
        return await job.finish()

    async def begin(self, operation: str, arguments: Mapping[str, Any]) -> tuple[Answer, Output]:
        """An operation that answers before its output: the answer, and the output, to be read to its end or closed."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            job = await self._start(operation, arguments, {1: writer})
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        output = Output(job, reader)
        try:
            return await job.answer(), output
        except BaseException:
            await output.aclose()
            raise

    @asynccontextmanager
    async def piped(self, operation: str, arguments: Mapping[str, Any]) -> AsyncIterator[int]:
        """The end of a pipe from which to read what the operation writes; its failure is raised at the end."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                job = await self._start(operation, arguments, {1: writer})
            finally:
                os.close(writer)
            try:
                yield reader
            except EngineError:
                if job.over:
                    await job.finish()  # raises what it could not do: the cause of what its reader misses
                await job.end()
                raise
            except BaseException:
                await job.end()
                raise
            await job.finish()
        finally:
            os.close(reader)

    async def output(self, operation: str, arguments: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """What an operation writes to its stdout, as it comes; its failure is raised at the end."""
        async with self.piped(operation, arguments) as reader:
            os.set_blocking(reader, False)
            pipes.widen(reader)
            while data := await pipes.read(reader):
                yield data

    def close(self) -> None:
        self._workers.close()

    async def _start(self, operation: str, arguments: Mapping[str, Any], fds: Mapping[int, int]) -> Job:
        answer_r, answer_w = os.pipe2(os.O_CLOEXEC)
        try:
            text = json.dumps({"operation": operation, **arguments})
            worker = await self._workers.start(text, {**fds, _ANSWER: answer_w})
        except BaseException:
            os.close(answer_r)
            raise
        finally:
            os.close(answer_w)
        return Job(operation, self._workers, worker, answer_r)


class Job:
    """One that has begun. It is either finished or ended."""

    def __init__(self, operation: str, workers: Workers, worker: Worker, answer: int) -> None:
        self._operation = operation
        self._workers = workers
        self._worker = worker
        self._answer = answer
        self._life = worker.life

    @property
    def over(self) -> bool:
        return self._worker.ended.done()

    async def answer(self) -> Answer:
        """What it says; it may still be writing its output."""
        reader, self._answer = self._answer, -1
        raw = await process.read_all(reader)
        if not raw:
            raise SystemFailure(f"{self._operation}: image worker ended with {await self._worker.wait()}")
        answer: Answer = json.loads(raw)
        if "refused" in answer:
            raise InvalidParameter(str(answer["refused"]))
        if "error" in answer:
            raise SystemFailure(f"{self._operation}: {answer['error']}")
        return answer

    async def finish(self) -> Answer:
        """The answer, once it has ended."""
        try:
            answer = await self.answer()
            await self._worker.wait()
            return answer
        finally:
            await self.end()

    async def gone(self) -> None:
        """Returns when it has ended, well; its answer is known already."""
        if code := await self._worker.wait():
            raise SystemFailure(f"{self._operation}: the worker ended with {code}")

    async def end(self) -> None:
        """Kills it if it still runs, and returns when it is gone."""
        if self._answer >= 0:
            os.close(self._answer)
            self._answer = -1
        try:
            await self._workers.end(self._worker)
        finally:
            if self._life >= 0:
                os.close(self._life)
                self._life = -1


class Output:
    """What a worker writes to its stdout. Closed early, it ends the worker."""

    def __init__(self, job: Job, reader: int) -> None:
        self._job = job
        self._reader = reader
        os.set_blocking(reader, False)
        pipes.widen(reader)

    def __aiter__(self) -> Output:
        return self

    async def __anext__(self) -> bytes:
        if self._reader < 0:
            raise StopAsyncIteration
        if data := await pipes.read(self._reader):
            return data
        await self._over()
        raise StopAsyncIteration

    @property
    def pipe(self) -> int:
        """Whence it comes, for those who let the kernel carry it (api/exchange.py, Piped)."""
        return self._reader

    async def ready(self) -> int:
        """How many bytes wait, once there are any; 0 at the end."""
        while self._reader >= 0:
            if count := pipes.waiting(self._reader):
                return count
            await pipes.readable(self._reader)
            if not pipes.waiting(self._reader):
                await self._over()
        return 0

    async def _over(self) -> None:
        try:
            await self._job.gone()
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1
            await self._job.end()
