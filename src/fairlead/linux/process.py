"""Children: the only place that starts one. posix_spawn (vfork) and pidfds; nothing forks the interpreter.

A failed child is reported with a command line that can be pasted into a shell.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import shlex
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"}
_CHUNK = 1 << 16
_GIVEN = resource.getrlimit(resource.RLIMIT_NOFILE)


class ProcessFailed(Exception):
    """A child ended with something other than 0."""

    def __init__(self, argv: Sequence[str], exit_code: int, stderr: str) -> None:
        super().__init__(f"{shlex.join(argv)}: exit {exit_code}: {stderr.strip()[-2000:]}")
        self.argv = tuple(argv)
        self.exit_code = exit_code
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Completed:
    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Child:
    pid: int
    pidfd: int


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    fds: Mapping[int, int] | None = None,
    setsid: bool = False,
) -> Child:
    """Starts `argv[0]` (looked up in PATH). `fds` maps the child's descriptors to ours; 0-2 default to /dev/null.

    Everything else of ours is close-on-exec and stays out of the child. Raises OSError as execve does.
    """
    wanted = dict(fds or {})
    # Sources are first moved above every target, or one dup2 could overwrite the source of another.
    floor = max([2, *wanted]) + 1
    lifted = {target: os_dup_above(source, floor) for target, source in wanted.items()}
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3) if fd not in wanted
    ]
    actions += [(os.POSIX_SPAWN_DUP2, source, target) for target, source in lifted.items()]
    try:
        pid = os.posix_spawnp(
            argv[0],
            list(argv),
            dict(ENVIRONMENT if env is None else env),
            file_actions=actions,
            setsid=setsid,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM),
        )
    finally:
        for fd in lifted.values():
            os.close(fd)
    return Child(pid, os.pidfd_open(pid))


def open_many_files() -> None:
    """From now on we may have as many files open as our hard limit allows: a shell gives 1,024, which a container with
    as many ports takes alone."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (_GIVEN[1], _GIVEN[1]))


def given_files() -> tuple[int, int] | None:
    """How many files we were allowed as we came, soft and hard, if we took more: a container's process shall not."""
    return _GIVEN if resource.getrlimit(resource.RLIMIT_NOFILE) != _GIVEN else None


def os_dup_above(fd: int, floor: int) -> int:
    """A close-on-exec copy of `fd` numbered `floor` or higher."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)


async def wait_pidfd(pidfd: int) -> None:
    """Returns when the process has ended (its parent need not be us)."""
    await wait_any([pidfd])


async def wait_any(pidfds: Sequence[int]) -> None:
    """Returns when one of the processes has ended."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        if not ended.done():
            ended.set_result(None)

    for pidfd in pidfds:
        loop.add_reader(pidfd, readable)
    try:
        await ended
    finally:
        for pidfd in pidfds:
            loop.remove_reader(pidfd)


async def ended_within(pidfd: int, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await wait_pidfd(pidfd)
    except TimeoutError:
        return False
    return True


def open_pid(pid: int, ticks: int) -> int | None:
    """A pidfd of the process that has this number and this start time; None if it is gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if not ticks or start_ticks(pid) != ticks:
        os.close(pidfd)
        return None
    return pidfd


async def wait(child: Child) -> int:
    """Reaps the child: its exit code, or minus the signal that ended it. Cancelled, it leaves the child alone."""
    try:
        await wait_pidfd(child.pidfd)
    except BaseException:
        os.close(child.pidfd)
        raise
    return _reap(child)


async def end(child: Child) -> None:
    """Kills the child, whatever it does, and reaps it, even if the waiting is cancelled."""
    signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
    try:
        await wait_pidfd(child.pidfd)
    finally:
        _reap(child)


def _reap(child: Child) -> int:
    """Of a child that has ended, or was just killed: waits no longer than the kernel takes."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    finally:
        os.close(child.pidfd)


async def read_all(fd: int) -> bytes:
    """Everything up to the end of a pipe, without blocking the loop; closes `fd`."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    parts: list[bytes] = []

    def readable() -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            if not done.done():
                done.set_exception(error)
            return
        if data:
            parts.append(data)
        elif not done.done():
            done.set_result(None)

    loop.add_reader(fd, readable)
    try:
        await done
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return b"".join(parts)


async def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    check: bool = True,
    fds: Mapping[int, int] | None = None,
) -> Completed:
    """Runs a child to its end. Raises ProcessFailed unless `check` is false; kills it at the timeout or on cancel."""
    out_r, out_w = os.pipe2(os.O_CLOEXEC)
    err_r, err_w = os.pipe2(os.O_CLOEXEC)
    wiring = {1: out_w, 2: err_w, **(fds or {})}
    source = -1
    if stdin is not None:
        source = os.memfd_create("stdin", os.MFD_CLOEXEC)
        os.write(source, stdin)
        os.lseek(source, 0, os.SEEK_SET)
        wiring[0] = source
    try:
        child = spawn(argv, env=env, fds=wiring)
    except BaseException:
        os.close(out_r)
        os.close(err_r)
        raise
    finally:
        for fd in (out_w, err_w, source):
            if fd >= 0:
                os.close(fd)
    readers = asyncio.gather(read_all(out_r), read_all(err_r))
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await readers  # a grandchild may hold the pipes longer than the child lives
            await wait_pidfd(child.pidfd)
    except BaseException:
        readers.cancel()
        signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        raise
    finally:
        code = _reap(child)
    if check and code:
        raise ProcessFailed(argv, code, stderr.decode(errors="replace"))
    return Completed(code, stdout, stderr)


def start_ticks(pid: int) -> int:
    """When the process began, in clock ticks since boot (proc(5), stat field 22); 0 if there is none.

    With the number it names a process for good: numbers are used again, the pair is not.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:  # noqa: PTH123  # hot path
            return int(f.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return 0


async def read_line(fd: int) -> bytes:
    """One line of a pipe (or what there is at its end), without blocking the loop; closes `fd`."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    buffer = bytearray()

    def readable() -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer.extend(data)
        if (not data or b"\n" in buffer) and not done.done():
            done.set_result(bytes(buffer))

    loop.add_reader(fd, readable)
    try:
        return await done
    finally:
        loop.remove_reader(fd)
        os.close(fd)
