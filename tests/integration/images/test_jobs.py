"""Jobs in forked workers: answers, refusals, kills, and what becomes of them when the process they come from dies."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.images import workers
from fairlead.images.job import Jobs

pytestmark = pytest.mark.root


def with_jobs(work: Callable[[Jobs], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        jobs = Jobs()
        try:
            return await work(jobs)
        finally:
            jobs.close()

    return asyncio.run(run())


def children(pid: int | None = None) -> list[int]:
    text = Path(f"/proc/{pid or os.getpid()}/task/{pid or os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]


def sums(jobs: Jobs, tree: Path, *patterns: str) -> Awaitable[dict[str, Any]]:
    return jobs.run("sums", {"source": str(tree), "patterns": list(patterns)})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a").write_text("a")
    return tmp_path


def test_jobs_come_from_one_process_that_stays_for_the_next(tree: Path) -> None:
    before = children()

    async def work(jobs: Jobs) -> list[list[int]]:
        seen = []
        for _ in range(3):
            await sums(jobs, tree, "a")
            seen.append(sorted(set(children()) - set(before)))
        return seen

    first, *others = with_jobs(work)
    assert len(first) == 1
    assert others == [first, first]
    assert children() == before


def test_more_jobs_at_once_than_their_socket_holds(tree: Path) -> None:
    async def work(jobs: Jobs) -> list[dict[str, Any]]:
        return await asyncio.gather(*(sums(jobs, tree, "a") for _ in range(30)))

    answers = with_jobs(work)
    assert len(answers) == 30
    assert all(answer["found"][0]["path"] == "a" for answer in answers)


def test_arguments_and_answers_longer_than_any_message(tree: Path) -> None:
    answer = with_jobs(lambda jobs: sums(jobs, tree, *["./" * 20 + "a"] * 6_000))
    assert len(answer["found"]) == 6_000


def test_refusal_is_the_users_fault_and_the_next_job_works(tree: Path) -> None:
    async def work(jobs: Jobs) -> dict[str, Any]:
        with pytest.raises(InvalidParameter, match="file does not exist"):
            await sums(jobs, tree, "missing")
        return await sums(jobs, tree, "a")

    assert with_jobs(work)["found"]


def test_given_up_job_is_dead_when_the_waiting_ends(tree: Path) -> None:
    (tree / "root").mkdir()

    async def work(jobs: Jobs) -> None:
        fed = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            yield bytes(512)
            fed.set()
            await asyncio.Event().wait()

        unpacking = asyncio.get_running_loop().create_task(
            jobs.run("unpack", {"target": str(tree / "root"), "limit": 1 << 20}, chunks=chunks())
        )
        await fed.wait()
        await sums(jobs, tree, "a")  # a later one has ended: the first has been forked
        (forker,) = set(children()) - before
        assert len(children(forker)) == 1
        unpacking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await unpacking
        assert children(forker) == []

    before = set(children())
    with_jobs(work)


def test_killed_worker_is_told_from_a_finished_one(tree: Path) -> None:
    async def work(jobs: Jobs) -> None:
        os.mkfifo(tree / "never")
        (tree / "root").mkdir()
        reader, writer = os.pipe()
        waiting = asyncio.get_running_loop().create_task(
            jobs.run("unpack", {"target": str(tree / "root"), "limit": 1 << 20}, stdin=reader)
        )
        await sums(jobs, tree, "a")  # a later one has ended: the first has been forked
        (forker,) = set(children()) - before
        (worker,) = children(forker)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(SystemFailure, match="worker ended with -9"):
            await waiting
        os.close(reader)
        os.close(writer)

    before = set(children())
    with_jobs(work)


def test_next_job_gets_a_new_process_where_the_old_one_was_killed(tree: Path) -> None:
    async def work(jobs: Jobs) -> dict[str, Any]:
        await sums(jobs, tree, "a")
        (forker,) = set(children()) - before
        pidfd = os.pidfd_open(forker)
        os.kill(forker, signal.SIGKILL)
        select.select([pidfd], [], [])  # it is dead, and we have not been told
        os.close(pidfd)
        return await sums(jobs, tree, "a")

    before = set(children())
    assert with_jobs(work)["found"]
    assert set(children()) == before


def test_process_leaves_when_nothing_was_asked_for_a_while(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(jobs: Jobs) -> None:
        await sums(jobs, tree, "a")
        (forker,) = set(children()) - before
        pidfd = os.pidfd_open(forker)
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, gone.set)
        await asyncio.wait_for(gone.wait(), 10)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        assert await sums(jobs, tree, "a")

    before = set(children())
    monkeypatch.setattr(workers, "IDLE_S", 0.05)
    with_jobs(work)
