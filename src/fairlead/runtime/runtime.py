"""The runtime package's door: create, start, watch, signal, delete one container, through conmon and crun."""

from __future__ import annotations

import asyncio
import json
import os
import signal as signals
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairlead import ids
from fairlead.errors import Conflict, SystemFailure
from fairlead.linux import files, mounts, process
from fairlead.model.container import HostConfig
from fairlead.model.settings import Settings
from fairlead.runtime import cgroups, conmon, crun, defaults, features, hybrid, resources, sealed, seccomp
from fairlead.runtime.launch import Exit, Launched, LaunchSpec

LOST = 255
"""Exit code when nobody saw the end (the machine went down, the monitor was killed)."""
_LAST_OUTPUT_S = 2.0
_FREEZE_S = 5.0
"""How long a client may stall once the container is dead (dockerd waits as long for its streams)."""


class Runtime:
    """One crun root and its containers."""

    def __init__(self, settings: Settings) -> None:
        self.bundles = settings.exec_root / "containers"
        self._exits = settings.exec_root / "exits"
        self._root = settings.exec_root / "crun"
        self._roots = (settings.data_root, settings.exec_root)
        self._cgroup_parent = f"/fairlead/{settings.instance}"
        self.filters = seccomp.Filters(settings.data_root / "seccomp")
        self.available = defaults.host_capabilities()
        self.features = features.read()
        self._namespace: hybrid.RuntimeNamespace | None = None
        self._command: list[str] = []
        self._sealed: sealed.Sealed | None = None
        self._monitor = ""
        self._attached: dict[str, set[conmon.AttachConnection]] = {}

    async def open(self) -> None:
        """Finds the programs, makes the directories, prepares the hybrid workaround where it is needed."""
        self._command, self._monitor = crun.command(self._root), conmon.program()
        self._sealed = await sealed.copy(self._command[0])
        if self._sealed is not None:
            self._command[0] = self._sealed.path
        for folder in (self.bundles, self._exits, self._root):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.features.cgroup_version == 1 and hybrid.needed():
            self._namespace = hybrid.RuntimeNamespace(self._roots)
            self._namespace.prepare()

    def close(self, *, teardown: bool) -> None:
        if self._sealed is not None:
            self._sealed.close()
        if self._namespace:
            self._namespace.close(teardown=teardown)
            self._namespace = None

    # -- paths -----------------------------------------------------------------------------------

    def bundle(self, container_id: str) -> Path:
        return self.bundles / container_id

    def cgroup(self, container_id: str, parent: str = "") -> str:
        """Where the container's cgroup is, or is to be. A parent of the user's choice is remembered in the bundle."""
        if parent:
            return f"/{parent.strip('/')}/{container_id}"
        try:
            return os.readlink(self.bundle(container_id) / "cgroup")  # noqa: PTH115
        except OSError:
            return f"{self._cgroup_parent}/{container_id}"

    def shm(self, container_id: str) -> Path:
        """The /dev/shm of a container that lets others join it."""
        return self.bundle(container_id) / "shm"

    def share_shm(self, container_id: str, size_bytes: int) -> Path:
        """Mounts that /dev/shm; `forget` unmounts it."""
        path = self.shm(container_id)
        path.mkdir(parents=True, mode=0o700, exist_ok=True)
        flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
        try:
            mounts.mount("shm", path, fstype="tmpfs", flags=flags, data=f"mode=1777,size={size_bytes}")
        except OSError as error:
            raise SystemFailure(f"mount /dev/shm of {container_id[:12]}: {error.strerror}") from error
        return path

    @contextmanager
    def _entered(self) -> Iterator[None]:
        if self._namespace is None:
            yield
        else:
            with self._namespace.inside():
                yield

    @contextmanager
    def starting(self, root: Path) -> Iterator[None]:
        """Around everything that makes a container, whose root file system is mounted there already."""
        if self._namespace is None:
            yield
        else:
            with self._namespace.starting(root):
                yield

    def refresh(self, *, travelling: bool) -> None:
        """To be called before a start that mounts paths of the host. `travelling`: whose mounts go both ways."""
        if self._namespace:
            self._namespace.refresh(anew=travelling)

    def _spawn(self, argv: Sequence[str], fds: dict[int, int], env: dict[str, str] | None = None) -> process.Child:
        with self._entered():
            return process.spawn(argv, fds=fds, env=env)

    async def _crun(self, *arguments: str) -> str:
        """Runs a crun verb; its error text on failure, '' on success."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            child = self._spawn([*self._command, *arguments], {2: writer})
        finally:
            os.close(writer)
        text, code = await asyncio.gather(process.read_all(reader), process.wait(child))
        return "" if code == 0 else text.decode(errors="replace").strip() or f"exit {code}"

    # -- life ------------------------------------------------------------------------------------

    def write_bundle(self, container_id: str, document: dict[str, Any]) -> Path:
        """The OCI bundle directory with its config.json."""
        bundle = self.bundle(container_id)
        bundle.mkdir(mode=0o700, exist_ok=True)
        if (place := document["linux"]["cgroupsPath"]) != f"{self._cgroup_parent}/{container_id}":
            (bundle / "cgroup").symlink_to(place)
        (bundle / "config.json").write_text(json.dumps(document, separators=(",", ":")))
        return bundle

    async def create(self, spec: LaunchSpec, *, argv0: str = "", filter_key: str = "") -> Launched:
        """Starts the monitor, which creates the container: everything set up, the process not yet running."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        argv = conmon.arguments(self._monitor, spec, self._command, self._exits)
        try:
            child = self._spawn(argv, {3: writer}, conmon.ENVIRONMENT)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        (pid, message), _ = await asyncio.gather(conmon.read_sync(reader), process.wait(child))
        if pid <= 0:
            raise crun.create_failure(message, argv0)
        if filter_key and self.filters.compiled(filter_key) is None:
            self.filters.learn(filter_key, self._root / spec.container_id)
        monitor = int((spec.bundle / "conmon.pid").read_text())
        return Launched(pid, monitor, process.start_ticks(monitor))

    async def start(self, container_id: str, *, argv0: str = "") -> None:
        """Lets the process of a created container run."""
        if crun.open_gate(self._root / container_id):
            return
        if error := await self._crun("start", container_id):
            raise crun.create_failure(error, argv0)

    async def delete(self, container_id: str, *, force: bool = False) -> None:
        """Removes what crun and the kernel keep of a dead container (with `force`: kills it first). Absent is fine."""
        state = self._root / container_id
        if self.running_pid(container_id) is None and not cgroups.processes(self.cgroup(container_id)):
            files.remove_tree(state)  # nothing lives: what is left are files, and a process of crun is not needed
        elif state.exists():
            error = await self._crun("delete", *(["--force"] if force else []), container_id)
            if error and "does not exist" not in error and not force:
                raise SystemFailure(f"delete container: {error}")
        cgroups.remove(self.cgroup(container_id))

    def forget(self, container_id: str) -> None:
        """Removes bundle and exit file."""
        for connection in list(self._attached.pop(container_id, ())):
            connection.close()
        mounts.umount(self.shm(container_id), lazy=True)
        files.remove_tree(self.bundle(container_id))
        (self._exits / container_id).unlink(missing_ok=True)

    def running_pid(self, container_id: str) -> int | None:
        """The first process of the container if it lives, after a look at crun's own state."""
        try:
            status = json.loads((self._root / container_id / "status").read_text())
            pid, born = int(status["pid"]), int(status.get("process-start-time", 0))
        except (OSError, ValueError, KeyError):
            return None
        ticks = process.start_ticks(pid)
        return pid if ticks and (not born or ticks == born) and not _zombie(pid) else None

    async def watch(self, container_id: str, monitor_pid: int, monitor_start_ticks: int) -> Exit:
        """Returns when the container has ended and its monitor has written everything."""
        monitor = process.open_pid(monitor_pid, monitor_start_ticks)
        if monitor is None:
            return self._exit(container_id)
        first = self._open_first(container_id)
        try:
            await process.wait_any([monitor] if first is None else [monitor, first])
            while not await process.ended_within(monitor, _LAST_OUTPUT_S):
                self._drop_stalled(container_id)
        finally:
            os.close(monitor)
            if first is not None:
                os.close(first)
        return self._exit(container_id)

    def _open_first(self, container_id: str) -> int | None:
        """A pidfd of the container's first process."""
        pid = self.running_pid(container_id)
        return None if pid is None else process.open_pid(pid, process.start_ticks(pid))

    def _drop_stalled(self, container_id: str) -> None:
        """The container is dead and its monitor is not: it waits for a client that does not take the last output."""
        for connection in self._attached.get(container_id, ()):
            if not connection.moved():
                connection.drop()

    def drop_stalled(self, held_up: Callable[[str], bool], for_s: float) -> bool:
        """Drops clients that have taken nothing for so long while others of their container wait for output, or are
        `held_up` elsewhere. Whether anybody is attached to anything."""
        for container_id, connections in self._attached.items():
            stalled = [connection for connection in connections if connection.stalled_s > for_s]
            if stalled and (len(stalled) < len(connections) or held_up(container_id)):
                for connection in stalled:
                    connection.drop()
        return any(self._attached.values())

    def _exit(self, container_id: str) -> Exit:
        path = self._exits / container_id
        try:
            code = int(path.read_text())
            finished = datetime.fromtimestamp(path.stat().st_mtime_ns / 1e9, UTC)
        except (OSError, ValueError):
            code, finished = LOST, datetime.now(UTC)
        oom = (self.bundle(container_id) / "oom").exists() or cgroups.oom_kills(self.cgroup(container_id)) > 0
        return Exit(code, oom, finished)

    # -- a running one ---------------------------------------------------------------------------

    async def kill(self, container_id: str, number: int, *, all: bool = False) -> None:
        """Sends a signal to the first process, or to all."""
        if all:
            for pid in cgroups.processes(self.cgroup(container_id)):
                _send(pid, number)
            return
        first = self._open_first(container_id)
        if first is None:
            raise Conflict(f"cannot kill container: {container_id}: container {container_id} is not running")
        try:
            signals.pidfd_send_signal(first, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(first)

    async def pause(self, container_id: str) -> None:
        if error := await self._crun("pause", container_id):
            raise SystemFailure(f"cannot pause container {container_id}: {error}")
        deadline = time.monotonic() + _FREEZE_S
        while not cgroups.is_frozen(self.cgroup(container_id)):  # crun (1.8) only asks
            if time.monotonic() > deadline:
                await self._crun("resume", container_id)
                raise SystemFailure(f"cannot pause container {container_id}: it does not stand still")
            await asyncio.sleep(0.001)

    async def resume(self, container_id: str) -> None:
        if error := await self._crun("resume", container_id):
            if not self.processes(container_id):
                raise Conflict(f"container {container_id} is not running")
            raise SystemFailure(f"cannot unpause container {container_id}: {error}")

    async def update(self, container_id: str, host_config: HostConfig) -> None:
        """New limits for a running container."""
        path = self.bundle(container_id) / "resources.json"
        limits = resources.render(host_config, swap_limits=self.features.swap)
        del limits["devices"]
        path.write_text(json.dumps(limits))
        if error := await self._crun("update", "--resources", str(path), container_id):
            raise SystemFailure(f"Cannot update container {container_id}: {error}")
        if "pids" not in limits:  # there may have been a limit before; crun (1.8) has no word for none
            cgroups.unlimit_processes(self.cgroup(container_id))

    def processes(self, container_id: str) -> list[int]:
        return cgroups.processes(self.cgroup(container_id))

    async def attach(self, container_id: str) -> conmon.AttachConnection:
        """Joins the container's stdio; works from creation on, so that not a byte is missed."""
        attached = self._attached.setdefault(container_id, set())
        connection = conmon.AttachConnection(conmon.connect(self.bundle(container_id)), attached.discard)
        attached.add(connection)
        return connection

    def resize(self, container_id: str, height: int, width: int) -> bool:
        return conmon.resize(self.bundle(container_id), height, width)

    def spawn_exec(
        self, container_id: str, folder: Path, fds: dict[int, int], *, terminal: bool = False
    ) -> process.Child:
        """`crun exec` as a child of ours: it ends with the exit code of the process in the container.

        `folder` holds process.json; crun leaves there the pid once the process runs, its own words (log), and for a
        terminal takes the socket `console`.
        """
        argv = [*self._command, "--log", str(folder / "log"), "exec"]
        argv += ["--process", str(folder / "process.json"), "--pid-file", str(folder / "pid")]
        if terminal:
            argv += ["--console-socket", str(folder / "console")]
        return self._spawn([*argv, container_id], fds)

    def kill_exec(self, folder: Path) -> None:
        """Ends the process of an exec; one that has ended is fine."""
        try:
            pid = int((folder / "pid").read_text())
        except (OSError, ValueError):
            return
        _send(pid, signals.SIGKILL)

    # -- after a crash ---------------------------------------------------------------------------

    async def sweep(self, keep: set[str]) -> None:
        """Removes everything of containers not in `keep`: processes, crun state, bundles, cgroups."""
        known = {entry.name for entry in self._root.iterdir()} | {entry.name for entry in self.bundles.iterdir()}
        known |= {entry.name for entry in self._exits.iterdir()} | cgroups.children(self._cgroup_parent)
        known = {name for name in known if ids.is_prefix(name)}  # crun has a cache of its own there
        for pid, container_id in conmon.running(self.bundles):
            # A daemon killed in the middle of a create: its monitor may still be at work.
            if container_id not in keep:
                known.add(container_id)
                _send(pid, signals.SIGKILL)
        for container_id in known - keep:
            await self.kill(container_id, signals.SIGKILL, all=True)
            await self.delete(container_id, force=True)
            files.remove_tree(self._root / container_id)
            self.forget(container_id)

    def remove_cgroups(self) -> None:
        """The instance's empty parent cgroup goes too."""
        cgroups.remove(self._cgroup_parent)


def _send(pid: int, number: int) -> None:
    if pid <= 1:
        return  # never a group or everybody: cgroup.procs shows 0 for processes of other pid namespaces
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return True
