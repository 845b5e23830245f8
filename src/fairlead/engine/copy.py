"""Files in and out of a container, running or not: cp (stat, archive, extract) and export.

A child process does the work, with the container's root as its own (images/worker/inside.py); the daemon sees bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.registry import Registry
from fairlead.errors import Conflict, EngineError, Forbidden, InvalidParameter, NotFound, SystemFailure
from fairlead.images.job import Jobs, Output
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Container, Status
from fairlead.runtime import users

PathStat = Mapping[str, Any]
_FAULTS: dict[str, type[EngineError]] = {"invalid": InvalidParameter, "forbidden": Forbidden}


class Copier:
    def __init__(self, registry: Registry, snapshots: Snapshots, jobs: Jobs, etc: EtcFiles, events: Events) -> None:
        self._registry = registry
        self._snapshots = snapshots
        self._jobs = jobs
        self._etc = etc
        self._events = events

    async def stat(self, ref: str, path: str) -> PathStat:
        container = self._registry.get(ref)
        with self._snapshots.held(container.id) as root:
            answer = _checked(await self._jobs.run("stat", self._view(container, root, path)), ref, path)
        return _stat(answer)

    async def archive(self, ref: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """What is at the path, and the tar of it."""
        container = self._registry.get(ref)
        with ExitStack() as held:
            root = held.enter_context(self._snapshots.held(container.id))
            answer, output = await self._jobs.begin("read", self._view(container, root, path))
            try:
                answer = _checked(answer, ref, path)
            except EngineError:
                await output.aclose()
                raise
            chunks = Held(output, held.pop_all())
        self._events.container(container, "archive-path")
        return _stat(answer), chunks

    async def extract(
        self, ref: str, path: str, chunks: AsyncIterator[bytes], *, careful: bool, copy_owner: bool
    ) -> None:
        """Unpacks a tar in a directory. `careful`: files do not replace directories, nor they files. `copy_owner`:
        everything becomes the container's user's."""
        container = self._registry.get(ref)
        with self._snapshots.held(container.id) as root:
            view = self._view(container, root, path)
            view["read_only"] = container.host_config.read_only_rootfs
            view["careful"] = careful
            view["owner"] = None
            if copy_owner and container.config.user:
                who = users.resolve(root, container.config.user, ())
                view["owner"] = [who.uid, who.gid]
            _checked(await self._jobs.run("extract", view, chunks=chunks), ref, path)
        self._events.container(container, "extract-to-dir")

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """The whole file system as tar, without volumes."""
        container = self._registry.get(ref)
        if container.state.status is Status.DEAD:
            raise Conflict(f"You cannot export container {container.id} which is Dead")
        if container.state.status is Status.REMOVING:
            raise Conflict(f"You cannot export container {container.id} which is being removed")
        with ExitStack() as held:
            root = held.enter_context(self._snapshots.held(container.id))
            _, output = await self._jobs.begin("export_root", {"root": str(root)})
            chunks = Held(output, held.pop_all())
        self._events.container(container, "export")
        return chunks

    def _view(self, container: Container, root: Path, path: str) -> dict[str, Any]:
        """The container's tree with what is bound into it; a tmpfs is the running container's alone, as in Docker."""
        mounts = [
            {"source": mount.source, "target": mount.target, "read_only": mount.read_only}
            for mount in (*container.mounts, *self._etc.mounts(container))
            if mount.type in ("bind", "volume") and mount.source
        ]
        return {"root": str(root), "mounts": mounts, "path": path}


class Held:
    """A worker's output, during which something is held."""

    def __init__(self, output: Output, held: ExitStack) -> None:
        self._output = output
        self._held = held

    def __aiter__(self) -> Held:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._output)
        except BaseException:
            await self.aclose()
            raise

    @property
    def pipe(self) -> int:
        return self._output.pipe

    async def ready(self) -> int:
        return await self._output.ready()

    async def aclose(self) -> None:
        """Also of what nobody has begun to read."""
        try:
            await self._output.aclose()
        finally:
            self._held.close()


def _checked(answer: dict[str, Any], ref: str, path: str) -> dict[str, Any]:
    fault = answer.get("fault")
    if fault == "missing":
        raise NotFound(f"Could not find the file {path} in container {ref}")
    if fault:
        raise _FAULTS.get(fault, SystemFailure)(answer["text"])
    return answer


def _stat(answer: dict[str, Any]) -> PathStat:
    found: PathStat = answer["stat"]
    return found
