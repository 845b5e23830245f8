"""Starts conmon, the small C program that watches one container: holds its stdio, writes its log and exit file.

Protocol (conmon 2.1): the pid of the container, or minus one and the runtime's message, comes as one JSON line on
the sync pipe; the exit code as a file named by the container id; attach is a SOCK_SEQPACKET socket in the bundle
whose packets begin with the stream number; `ctl` is a fifo for window sizes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.linux import process
from fairlead.runtime.launch import LaunchSpec

_PACKET = 1 + (1 << 15)
EOF_PACKET = b""


def arguments(spec: LaunchSpec, runtime: Sequence[str], exits: Path) -> list[str]:
    """conmon's command line for a container."""
    argv = [
        "conmon", "--api-version", "1", "--cid", spec.container_id, "--cuuid", spec.container_id,
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
    """One attached client of a container's stdio. A reader that stalls is only its own loss: conmon's socket
    buffer is the bound, and reading is done only when asked."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._stdin_closed = False

    async def read(self) -> tuple[int, bytes] | None:
        """(1 stdout or 2 stderr, bytes); None when the container's output has ended."""
        while True:
            try:
                packet = await self._loop.sock_recv(self._socket, _PACKET)
            except OSError:
                return None
            if not packet:
                return None
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

    def close(self) -> None:
        self._socket.close()


def resize(bundle: Path, height: int, width: int) -> None:
    """Sets the window size of a container's terminal."""
    try:
        fd = os.open(bundle / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SystemFailure(f"resize: {error.strerror}") from error
    try:
        os.write(fd, f"1 {height} {width}\n".encode())
    finally:
        os.close(fd)
