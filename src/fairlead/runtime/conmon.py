"""Starts conmon, the small C program that watches one container: holds its stdio, writes its log and exit file.

Protocol (conmon 2.1): the pid of the container, or minus one and the runtime's message, comes as one JSON line on
the sync pipe; the exit code as a file named by the container id; attach is a SOCK_SEQPACKET socket in the bundle
whose packets begin with the stream number; `ctl` is a fifo for window sizes.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.linux import process
from fairlead.runtime.launch import LaunchSpec

_PACKET = 1 + (1 << 15)
EOF_PACKET = b""


# Its log's times are local ones.
ENVIRONMENT = {**process.ENVIRONMENT, "TZ": "UTC", "_OCI_SYNCPIPE": "3"}


def program() -> str:
    found = shutil.which("conmon", path=process.PATH)
    if found is None:
        raise SystemFailure("conmon not found in PATH: run `fairlead doctor`")
    return found


def arguments(conmon: str, spec: LaunchSpec, runtime: Sequence[str], exits: Path) -> list[str]:
    """conmon's command line for a container."""
    argv = [
        conmon, "--api-version", "1", "--cid", spec.container_id, "--cuuid", spec.container_id,
        "--runtime", runtime[0], "--bundle", str(spec.bundle), "--full-attach", "--no-sync-log",
        "--container-pidfile", str(spec.bundle / "pid"), "--conmon-pidfile", str(spec.bundle / "conmon.pid"),
        "--exit-dir", str(exits), "--persist-dir", str(spec.bundle), "--name", spec.container_id[:12],
        "--log-level", "error",
    ]  # fmt: skip
    if spec.log_path is None:
        argv += ["--log-path", "none:"]
    else:
        argv += ["--log-path", f"k8s-file:{spec.log_path}"]
        if spec.log_max_size_bytes > 0:
            argv += ["--log-size-max", str(spec.log_max_size_bytes)]
    if spec.terminal:
        argv.append("--terminal")
    if spec.stdin_open:
        argv.append("--stdin")
        # On a terminal the end of an attachment is no end of input: one may detach and come back.
        if not spec.stdin_once or spec.terminal:
            argv.append("--leave-stdin-open")
    for argument in runtime[1:]:
        argv += ["--runtime-arg", argument]
    return argv


async def read_sync(fd: int) -> tuple[int, str]:
    """(pid, message) from the sync pipe; closes it."""
    raw = await process.read_line(fd)
    if not raw:
        raise SystemFailure("the container monitor ended before the container was created")
    try:
        answer = json.loads(raw)
    except ValueError as error:
        raise SystemFailure(f"the container monitor said {raw[:200]!r}") from error
    return int(answer.get("data", answer.get("pid", -1))), str(answer.get("message", ""))


def running(bundles: Path) -> Iterator[tuple[int, str]]:
    """(pid, container id) of every monitor whose bundle is below `bundles`."""
    marker = b"\0--bundle\0" + os.fsencode(bundles) + b"/"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        before, found, after = words.partition(marker)
        if found and Path(os.fsdecode(before.partition(b"\0")[0])).name == "conmon":
            yield int(entry.name), os.fsdecode(after.partition(b"\0")[0])


def connect(bundle: Path) -> socket.socket:
    """The attach socket of a container, reached through its directory: a path may be longer than sun_path."""
    directory = os.open(bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        sock.connect(f"/proc/self/fd/{directory}/attach")
    except OSError as error:
        sock.close()
        raise SystemFailure(f"attach to container: {error.strerror}") from error
    finally:
        os.close(directory)
    return sock


class AttachConnection:
    """One attached client of a container's stdio. Reading is done only when asked: a client that does not read holds up
    the container, as in Docker, and nothing is kept here."""

    def __init__(self, sock: socket.socket, closed: Callable[[AttachConnection], None]) -> None:
        self._socket = sock
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._stdin_closed = False
        self._packets = 0
        self._seen = 0
        self._busy_since: float | None = self._loop.time()
        self.dropped = False

    async def read(self) -> tuple[int, bytes] | None:
        """(1 stdout or 2 stderr, bytes); None when the container's output has ended."""
        while True:
            self._busy_since = None
            try:
                packet = await self._loop.sock_recv(self._socket, _PACKET)
            except OSError:
                return None
            finally:
                self._busy_since = self._loop.time()
            if not packet:
                return None
            self._packets += 1
            if len(packet) > 1:
                return packet[0] - 1, packet[1:]  # conmon numbers its pipes from 1, stdin first

    async def write(self, data: bytes) -> None:
        """Bytes for the container's stdin. Raises BrokenPipeError once nobody reads it."""
        view = memoryview(data)
        while view:
            piece = view[: 1 << 13]
            await self._loop.sock_sendall(self._socket, piece)
            view = view[len(piece) :]

    async def close_stdin(self) -> None:
        """Ends stdin for the container (if it was opened with stdin_once); output goes on."""
        if not self._stdin_closed:
            self._stdin_closed = True
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def leave(self) -> None:
        """The output is not wanted any more: a waiting `read` returns, and conmon writes it to nobody."""
        try:
            self._socket.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    @property
    def stalled_s(self) -> float:
        """How long it has been busy with what it was given last; none while it waits for more."""
        return 0.0 if self._busy_since is None else self._loop.time() - self._busy_since

    def drop(self) -> None:
        """As `leave`, but not by the client's own wish."""
        self.dropped = True
        self.leave()

    def moved(self) -> bool:
        """Whether anything was read since the last time this was asked."""
        before, self._seen = self._seen, self._packets
        return before != self._packets

    def close(self) -> None:
        """Leaves altogether. conmon closes the container's stdin with it, if that was opened with stdin_once."""
        self.leave()  # whoever waits in `read` gets to know
        self._closed(self)
        self._socket.close()


def resize(bundle: Path, height: int, width: int) -> bool:
    """Sets the window size of a container's terminal. Whether the container was still there."""
    # conmon stops listening to the line if it dislikes a number.
    return _control(bundle, f"1 {min(max(height, 1), 1000)} {min(max(width, 1), 1000)}\n")


def reopen_log(bundle: Path) -> None:
    """Makes conmon begin a new log file in the place of the present one."""
    if not _control(bundle, "2 0 0\n"):
        raise SystemFailure("container monitor: has ended")


def _control(bundle: Path, message: str) -> bool:
    """False if there is no monitor any more to read it."""
    try:
        fd = os.open(bundle / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise SystemFailure(f"container monitor: {error.strerror}") from error
    try:
        os.write(fd, message.encode())
    except BrokenPipeError:
        return False
    finally:
        os.close(fd)
    return True
