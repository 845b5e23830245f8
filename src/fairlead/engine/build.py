"""The classic builder: executes a Dockerfile's plan step by step, with a cache by content.

RUN steps are ordinary containers whose upper directory becomes a layer; COPY and ADD are done by the image worker
in a snapshot of their own. Every step gives an image, so the next build can begin where this one differs.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from fairlead import ids
from fairlead.engine.buildstage import BuildFailed, Context, StageBuilder, Tools
from fairlead.engine.buildsteps import global_arguments
from fairlead.engine.containers import Containers
from fairlead.engine.images import Images
from fairlead.errors import EngineError, InvalidParameter, NotFound
from fairlead.images import dockerfile, job, reference
from fairlead.images.snapshots import Snapshots
from fairlead.linux import files
from fairlead.model.image import Image
from fairlead.model.request import BuildRequest

Progress = AsyncIterator[Mapping[str, Any]]
_QUEUE = 256


class Builder:
    def __init__(self, images: Images, snapshots: Snapshots, containers: Containers) -> None:
        self._images = images
        self._snapshots = snapshots
        self._containers = containers

    async def build(self, request: BuildRequest, context: AsyncIterator[bytes]) -> Progress:
        """The classic stream of a build. What fails after it began is its last message."""
        if request.squash:
            raise InvalidParameter("squash is only supported with experimental mode")
        if request.remote:
            raise InvalidParameter("remote build contexts are not supported")
        names = [str(reference.parse(tag).tagged()) for tag in request.tags]
        work = Path(tempfile.mkdtemp(prefix="build-", dir=self._images.layers.root))
        try:
            tree = work / "context"
            tree.mkdir()
            await job.run("unpack", {"target": str(tree), "limit": 1 << 40, "site": job.site()}, chunks=context)
            plan = _read_plan(tree, request.dockerfile)
            tools = Tools(self._images, self._snapshots, self._containers, Context(tree))
            async for row in _Run(tools, plan, request, names).messages():
                yield row
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _read_plan(tree: Path, name: str) -> dockerfile.Plan:
    try:
        fd = files.open_in_root(tree, name or "Dockerfile")
    except OSError as error:
        raise InvalidParameter(f"Cannot locate specified Dockerfile: {name or 'Dockerfile'}") from error
    with open(fd, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # a descriptor, not a path
        return dockerfile.parse(file.read())


class _Run:
    """One build: the stages that are needed, in order, and the messages they send."""

    def __init__(self, tools: Tools, plan: dockerfile.Plan, request: BuildRequest, names: list[str]) -> None:
        self._tools = tools
        self._plan = plan
        self._request = request
        self._names = names
        self._queue: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(_QUEUE)
        self._step = 0

    async def messages(self) -> Progress:
        """Everything the build says, in order; an error as its last message."""
        task = asyncio.get_running_loop().create_task(self._work(), name="build")
        try:
            while (row := await self._queue.get()) is not None:
                yield row
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def say(self, text: str) -> None:
        if not self._request.quiet:
            await self._queue.put({"stream": text})

    async def _work(self) -> None:
        try:
            image = await self._build()
            await self._finish(image)
        except BuildFailed as error:
            await self._queue.put(
                {"errorDetail": {"code": error.code, "message": error.message}, "error": error.message}
            )
        except EngineError as error:
            await self._queue.put({"errorDetail": {"message": error.message}, "error": error.message})
        finally:
            await self._queue.put(None)

    async def _finish(self, image: Image) -> None:
        await self._queue.put({"aux": {"ID": image.id}})
        if self._request.quiet:
            await self._queue.put({"stream": f"{image.id}\n"})
        await self.say(f"Successfully built {ids.short(image.id)}\n")
        for name in self._names:
            self._tools.images.name(image.id, name)
            await self.say(f"Successfully tagged {name}\n")

    async def _build(self) -> Image:
        values = global_arguments(self._plan.arguments, self._request.build_args)
        total = self._plan.steps
        for argument in self._plan.arguments:
            self._step += 1
            await self.say(f"Step {self._step}/{total} : {argument.original}\n")
        built: dict[str, Image | None] = {}
        last: Image | None = None
        wanted = self._wanted()
        unused = set(self._request.build_args)
        for position, stage in enumerate(self._plan.stages[: wanted + 1]):
            builder = StageBuilder(self._tools, self._request, values, built, self.say, final=position == wanted)
            base = dockerfile.expand(stage.base, values)
            self._step += 1
            alias = f" AS {stage.name}" if stage.name else ""
            await self.say(f"Step {self._step}/{total} : FROM {base}{alias}\n")
            await builder.begin(base)
            for instruction in stage.instructions:
                self._step += 1
                await self.say(f"Step {self._step}/{total} : {instruction.original}\n")
                await builder.step(instruction)
            last = await builder.end()
            built[str(position)] = last
            if stage.name:
                built[stage.name] = last
            unused -= builder.used
        if last is None:
            raise InvalidParameter("No image was generated. Is your Dockerfile empty?")
        unused -= {a.rest.partition("=")[0] for a in self._plan.arguments} | _PREDEFINED
        if unused:
            await self.say(f"[Warning] One or more build-args {sorted(unused)} were not consumed\n")
        return last

    def _wanted(self) -> int:
        """The index of the stage to build."""
        target = self._request.target
        if not target:
            return len(self._plan.stages) - 1
        for position, stage in enumerate(self._plan.stages):
            if target.lower() == stage.name or target == str(position):
                return position
        raise NotFound(f"failed to reach build target {target} in Dockerfile")


_PREDEFINED = {
    name
    for base in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (base, base.lower())
}
