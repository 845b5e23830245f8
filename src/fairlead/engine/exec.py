"""Extra processes in a running container: `crun exec` as a child of the daemon, stdio through pipes or a terminal.

An exec does not outlive the daemon's interest in it: its client is connected to the daemon anyway. The process itself
goes on if the daemon is killed.
"""

from __future__ import annotations

import array
import asyncio
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead import ids
from fairlead.engine import detach, environment
from fairlead.engine.attach import DEFAULT_KEYS
from fairlead.engine.events import Events
from fairlead.engine.execstream import ExecStream
from fairlead.engine.registry import Registry
from fairlead.engine.tasks import Tasks
from fairlead.errors import Conflict, InvalidParameter, NotFound
from fairlead.linux import files, inotify, pipes, process
from fairlead.model.container import Container, Status
from fairlead.model.request import ExecRequest, ExecView
from fairlead.runtime import capabilities, crun, spec, users
from fairlead.runtime.runtime import Runtime

_PER_CONTAINER = 64


@dataclass(slots=True)
class _Exec:
    id: str
    container_id: str
    request: ExecRequest
    started: bool = False
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    stream: ExecStream | None = None
    failure: str = ""
    """Why the process could not be started."""
    begun: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether it could is known."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self, *, begun: bool) -> None:
        self.begun = begun
        self.settled.set()
        if self.stream is not None and begun:
            self.stream.begin()
        elif self.stream is not None:
            self.stream.fail(self.failure)


class Execs:
    """All execs; those of ended containers are forgotten with them."""

    def __init__(
        self,
        tasks: Tasks,
        registry: Registry,
        runtime: Runtime,
        events: Events,
        *,
        variables: Callable[[Container], list[str]],
        root: Callable[[str], Path],
    ) -> None:
        self._tasks = tasks
        self._registry = registry
        self._runtime = runtime
        self._events = events
        self._variables = variables
        self._root = root
        self._execs: dict[str, _Exec] = {}
        self._of: dict[str, list[str]] = {}

    def ids(self, container_id: str) -> tuple[str, ...]:
        """Execs of a container that run now."""
        return tuple(e for e in self._of.get(container_id, ()) if self._execs[e].running)

    def forget(self, container_id: str) -> None:
        for exec_id in self._of.pop(container_id, ()):
            self._execs.pop(exec_id, None)

    def kill(self, exec_id: str) -> None:
        """Ends the process, if it runs."""
        self._runtime.kill_exec(self._folder(self._get(exec_id)))

    def _folder(self, found: _Exec) -> Path:
        return self._runtime.bundle(found.container_id) / f"exec-{found.id[:16]}"

    async def create(self, ref: str, request: ExecRequest) -> str:
        container = self._running(ref)
        if not request.cmd:
            raise InvalidParameter("No exec command specified")
        detach.parse(request.detach_keys or DEFAULT_KEYS)
        self._variables(container)  # a link whose source is down refuses the exec, before it exists
        made = _Exec(ids.new_id(), container.id, request)
        self._execs[made.id] = made
        mine = self._of.setdefault(container.id, [])
        mine.append(made.id)
        while len(mine) > _PER_CONTAINER and not self._execs[mine[0]].running:
            del self._execs[mine.pop(0)]
        self._events.container(container, f"exec_create: {' '.join(request.cmd)}", execID=made.id)
        return made.id

    def _running(self, ref: str) -> Container:
        container = self._registry.get(ref)
        status = container.state.status
        if status is Status.PAUSED:
            raise Conflict(f"Container {ref} is paused, unpause the container before exec")
        if status is Status.RESTARTING:
            raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
        if not status.running:
            raise Conflict(f"container {container.id} is not running")
        return container

    def _get(self, exec_id: str) -> _Exec:
        found = self._execs.get(exec_id)
        if found is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return found

    async def inspect(self, exec_id: str) -> ExecView:
        found = self._get(exec_id)
        if found.started and not found.running:
            await found.finished.wait()
        return ExecView(
            id=found.id, container_id=found.container_id, request=found.request, running=found.running,
            exit_code=found.exit_code, pid=found.pid,
        )  # fmt: skip

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        found = self._get(exec_id)
        if not found.running or found.stream is None or not found.stream.resize(height, width):
            raise Conflict(f"exec {exec_id} is not running")

    async def start(
        self, exec_id: str, *, detach: bool, tty: bool, console_size: tuple[int, int] | None
    ) -> ExecStream | None:
        """Starts the process. Its stdio, or None when detached."""
        found = self._get(exec_id)
        if found.started:
            raise Conflict(f"exec {exec_id} has already run")
        container = self._running(found.container_id)
        found.started = True
        folder = self._folder(found)
        folder.mkdir(mode=0o700)
        try:
            document = self._document(container, found.request, console_size or found.request.console_size)
            (folder / "process.json").write_text(json.dumps(document))
            if found.request.tty:
                await self._start_terminal(container, found, folder)
            else:
                self._start_pipes(container, found, folder, detached=detach)
        except BaseException:
            found.exit_code = 126
            found.finished.set()
            files.remove_tree(folder)
            raise
        stream = found.stream
        if not detach:
            return stream
        await found.settled.wait()
        if stream is not None:  # a terminal that nobody looks at
            await stream.close()
        if not found.begun:
            raise InvalidParameter(found.failure)
        return None

    def _document(self, container: Container, request: ExecRequest, size: tuple[int, int] | None) -> dict[str, Any]:
        host = container.host_config
        user = request.user or container.config.user
        who = users.resolve(self._root(container.id), user, host.group_add if not request.user else ())
        available = self._runtime.available
        caps = [c for c in sorted(available)] if request.privileged else capabilities.granted(host, available)
        env = environment.override(self._variables(container), request.env)
        if request.tty and not any(entry.startswith("TERM=") for entry in env):
            env.append("TERM=xterm")
        env = environment.with_home(env, who.home)
        document: dict[str, Any] = {
            "terminal": request.tty,
            "args": list(request.cmd),
            "env": env,
            "cwd": request.working_dir or container.config.working_dir or "/",
            "user": {"uid": who.uid, "gid": who.gid, "additionalGids": list(who.groups)},
            "capabilities": capabilities.of_process(caps, who),
            "noNewPrivileges": spec.no_new_privileges(host.security_opt),
            "rlimits": spec.rlimits(host, process.given_files()),
        }
        if size and any(size):
            document["consoleSize"] = {"height": size[0], "width": size[1]}
        return document

    def _start_pipes(self, container: Container, found: _Exec, folder: Path, *, detached: bool) -> None:
        request = found.request
        theirs: dict[int, int] = {}
        outputs: dict[int, int] = {}
        stdin = -1
        if request.attach_stdin and not detached:
            theirs[0], stdin = os.pipe2(os.O_CLOEXEC)
            pipes.widen(stdin)
        for number, wanted in ((1, request.attach_stdout), (2, request.attach_stderr)):
            if wanted and not detached:
                outputs[number], theirs[number] = os.pipe2(os.O_CLOEXEC)
        try:
            self._spawn(container, found, folder, theirs)
        finally:
            for fd in theirs.values():
                os.close(fd)
        if not detached:
            found.stream = ExecStream(False, stdin, outputs, detach.Detector(b""), found.finished)

    async def _start_terminal(self, container: Container, found: _Exec, folder: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as listener:
            directory = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                listener.bind(f"/proc/self/fd/{directory}/console")
            finally:
                os.close(directory)
            listener.listen(1)
            task = self._spawn(container, found, folder, {}, terminal=True)
            master = await _receive_terminal(listener, task)
        keys = detach.parse(found.request.detach_keys or DEFAULT_KEYS)
        outputs = {1: master} if master >= 0 else {}
        found.stream = ExecStream(True, master, outputs, detach.Detector(keys), found.finished)
        found.stream.on_detach = lambda: self._events.container(container, "exec_detach", execID=found.id)
        if found.settled.is_set():
            found.settle(begun=found.begun)

    def _spawn(
        self, container: Container, found: _Exec, folder: Path, fds: dict[int, int], *, terminal: bool = False
    ) -> asyncio.Task[None]:
        watch = inotify.begin(folder, inotify.IN_CLOSE_WRITE)
        try:
            child = self._runtime.spawn_exec(container.id, folder, fds, terminal=terminal)
        except BaseException:
            os.close(watch)
            raise
        found.running = True
        self._events.container(container, f"exec_start: {' '.join(found.request.cmd)}", execID=found.id)
        return self._tasks.create_task(
            self._finish(container, found, child, folder, watch), name=f"exec {found.id[:12]}"
        )

    async def _finish(self, container: Container, found: _Exec, child: process.Child, folder: Path, watch: int) -> None:
        """Waits for the end. If the process could not be started: why, and Docker's exit code for that."""
        pid = folder / "pid"
        await _begun_or_ended(child, watch)
        if pid.exists():
            found.settle(begun=True)
        code = await process.wait(child)
        found.exit_code = code if code >= 0 else 128 - code
        if not found.begun and not pid.exists():
            log = folder / "log"
            found.failure = crun.exec_failure(log.read_text() if log.exists() else "", found.request.cmd[0])
            found.exit_code = crun.failure_code(found.failure)
        if not found.begun:
            found.settle(begun=not found.failure)
        found.running, found.stream = False, None
        found.finished.set()
        files.remove_tree(folder)
        self._events.container(container, "exec_die", execID=found.id, exitCode=str(found.exit_code))


async def _begun_or_ended(child: process.Child, watch: int) -> None:
    """The runtime closes its pid file once the process runs. It shuts its log only as it ends, so that of the files it
    writes this one comes first."""
    try:
        await process.wait_any([child.pidfd, watch])
    except BaseException:
        os.close(child.pidfd)
        raise
    finally:
        os.close(watch)


async def _receive_terminal(listener: socket.socket, task: asyncio.Task[None]) -> int:
    """The terminal's master side that the runtime sends (SCM_RIGHTS); -1 if it ended without."""
    loop = asyncio.get_running_loop()
    accepting = loop.create_task(loop.sock_accept(listener), name="exec console")
    await asyncio.wait({accepting, task}, return_when=asyncio.FIRST_COMPLETED)
    if not accepting.done():
        accepting.cancel()
        return -1
    sender, _ = accepting.result()
    with sender:
        sender.setblocking(True)
        _, ancillary, _, _ = sender.recvmsg(4096, socket.CMSG_SPACE(4))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            return int(array.array("i", data[:4])[0])
    return -1
