"""One build: the stages that its target needs, those that do not depend on each other at the same time.

What the stages say goes out in the file's order, as if they had run one after the other: a later stage's messages wait,
and the stage with them if it says too much.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fairlead import ids
from fairlead.engine import platform as platforms
from fairlead.engine.build.arguments import PREDEFINED, Arguments, global_value, of_platforms
from fairlead.engine.build.cache import Cache
from fairlead.engine.build.context import Context
from fairlead.engine.build.copy import CopyStep
from fairlead.engine.build.mounts import Caches, Mounter
from fairlead.engine.build.run import Runner
from fairlead.engine.build.sources import Known, Sources
from fairlead.engine.build.stage import StageBuilder, Workers
from fairlead.engine.build.tools import BuildFailed, Row, Tools, in_red
from fairlead.errors import EngineError, InvalidParameter, NotFound
from fairlead.images import endpoints, reference
from fairlead.images.dockerfile import words
from fairlead.images.dockerfile.instructions import Instruction
from fairlead.images.dockerfile.plan import Plan, Stage
from fairlead.images.worker.registry import documents
from fairlead.images.worker.registry.documents import Platform
from fairlead.model.image import Image
from fairlead.model.request import BuildRequest

_QUEUE = 1024
_HELD = 10_000


class Voice:
    """What one stage says, until it may be heard."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Row | None] = asyncio.Queue(_QUEUE)
        self.failed = False

    async def say(self, text: str) -> None:
        await self.queue.put({"stream": text})

    def rest(self) -> list[Row]:
        """What is left in it."""
        rows = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        return [row for row in rows if row is not None]


class Order:
    def __init__(
        self,
        tools: Tools,
        caches: Caches,
        known: Known,
        context: Context,
        plan: Plan,
        target: int,
        request: BuildRequest,
        names: Sequence[str],
        volatile: Path,
    ) -> None:
        self._tools = tools
        self._caches = caches
        self._known = known
        self._context = context
        self._plan = plan
        self._target = target
        self._request = request
        self._names = names
        self._volatile = volatile
        self._out: asyncio.Queue[Row | None] = asyncio.Queue(_QUEUE)
        self._machine = Platform("linux", platforms.here())
        self._globals = of_platforms(self._platform(request.platform), self._machine)
        self._images: dict[int, asyncio.Future[Image | None]] = {}
        self._voices: dict[int, Voice] = {}
        self._numbers: dict[int, int] = {}
        self._total = 0
        self._slots = asyncio.Semaphore(max(2, os.cpu_count() or 2))

    # -- the stream ------------------------------------------------------------------------------

    async def messages(self) -> AsyncIterator[Row]:
        """Everything the build says, in order; an error as its last message. Quiet: only the id, or all if it fails."""
        held: deque[Row] = deque(maxlen=_HELD)
        task = asyncio.get_running_loop().create_task(self._work(), name="build")
        try:
            while (row := await self._out.get()) is not None:
                if self._request.quiet and "error" not in row:
                    held.append(row)
                    continue
                while held:
                    yield held.popleft()
                yield row
            image = await task
            if self._request.quiet and image is not None:
                yield {"stream": f"{image.id}\n"}
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _say(self, text: str) -> None:
        await self._out.put({"stream": text})

    async def _work(self) -> Image | None:
        image = None
        try:
            with self._tools.images.pinning() as self._pin:
                image = await self._build()
                await self._finish(image)
        except EngineError as error:
            code = {"code": error.code} if isinstance(error, BuildFailed) else {}
            await self._out.put({"errorDetail": {**code, "message": error.message}, "error": error.message})
        except Exception:
            await self._out.put(None)
            raise
        await self._out.put(None)
        return image

    async def _finish(self, image: Image) -> None:
        unused = sorted(set(self._request.build_args) - self._mentioned() - PREDEFINED)
        if unused:
            await self._say(f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n")
        await self._say(f"Successfully built {ids.short(image.id)}\n")
        for name in self._names:
            self._tools.images.name(image.id, name)
            self._tools.images.noticed("tag", image.id, name)
            await self._say(f"Successfully tagged {name}\n")

    def _mentioned(self) -> set[str]:
        """Every argument that some ARG names."""
        stages = [step for stage in self._plan.stages for step in stage.instructions if step.word == "ARG"]
        return {text.partition("=")[0] for step in (*self._plan.arguments, *stages) for text in step.args}

    # -- the stages ------------------------------------------------------------------------------

    async def _build(self) -> Image:
        if self._plan.warnings:
            await self._say(in_red("".join(f"{warning}\n" for warning in self._plan.warnings)))
        await self._global_arguments()
        needed = self._plan.needed(self._target, self._globals)
        number = len(self._plan.arguments)
        for at in needed:
            self._numbers[at] = number
            number += self._length(at)
        self._total = number
        for position, argument in enumerate(self._plan.arguments, 1):
            await self._say(f"Step {position}/{number} : {argument.original}\n")
        await self._all(needed)
        image = self._images[self._target].result()
        if image is None:
            raise EngineError("No image was generated. Is your Dockerfile empty?")
        return image

    def _length(self, at: int) -> int:
        labels = len(self._request.labels) if at == self._target else 0
        return 1 + len(self._plan.stages[at].instructions) + labels

    async def _global_arguments(self) -> None:
        for argument in self._plan.arguments:
            for text in argument.args:
                name, equals, default = text.partition("=")
                name, default = self._expand(name), self._expand(default)
                value = global_value(name, default if equals else None, self._request.build_args)
                if value is not None:
                    self._globals[name] = value

    def _expand(self, text: str) -> str:
        predefined = {name: value for name in PREDEFINED if (value := self._request.build_args.get(name)) is not None}
        return words.expand(text, {**predefined, **self._globals}, escape=self._plan.escape)

    async def _all(self, needed: Sequence[int]) -> None:
        """Runs the stages and lets them speak in turn. The first failure ends all."""
        speaking: list[Voice] = []
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for at in needed:
                    self._begin(at)
                for at in needed:
                    speaking.append(self._voices[at])
                    while (row := await self._voices[at].queue.get()) is not None:
                        await self._out.put(row)
        except* EngineError as errors:
            failed = [voice for voice in self._voices.values() if voice.failed]
            for voice in dict.fromkeys([*speaking[-1:], *failed]):
                for row in voice.rest():
                    await self._out.put(row)
            raise _first(errors) from None

    def _begin(self, at: int) -> asyncio.Future[Image | None]:
        if at not in self._images:
            self._voices[at] = Voice()
            self._images[at] = self._group.create_task(self._stage(at, self._voices[at]), name=f"build stage {at}")
        return self._images[at]

    async def _stage(self, at: int, voice: Voice) -> Image | None:
        stage = self._plan.stages[at]
        try:
            builder = self._builder(at, voice)
            await self._step(voice, at, 0, stage.original)
            await builder.begin(await self._base(at, stage, voice))
            for position, step in enumerate(stage.instructions, 1):
                await self._step(voice, at, position, step.original)
                await self._wait_for_sources(at, step)
                async with self._slots:
                    await builder.step(step)
            if at == self._target:
                for position, name in enumerate(sorted(self._request.labels), 1 + len(stage.instructions)):
                    value = self._request.labels[name]
                    await self._step(voice, at, position, f"LABEL {name}={value}")
                    await builder.label(name, value)
            if builder.image is not None:
                await voice.queue.put({"aux": {"ID": builder.image.id}})
        except EngineError:
            voice.failed = True
            raise
        await voice.queue.put(None)
        return builder.image

    async def _step(self, voice: Voice, at: int, position: int, text: str) -> None:
        number = self._numbers.get(at, self._total) + position + 1
        await voice.say(f"Step {number}/{self._total} : {text}\n")

    def _builder(self, at: int, voice: Voice) -> StageBuilder:
        async def origin(name: str) -> Image | None:
            found = self._plan.find(name, at)
            if found is not None:
                return await self._begin(found)
            if name.isascii() and name.removeprefix("-").isdigit():
                current = int(name) == at
                raise InvalidParameter("refers to current build stage" if current else "index out of bounds")
            return await self._image(name, voice)

        work = self._context.work
        sources = Sources(self._context, self._tools.snapshots, origin, self._known)
        mounter = Mounter(sources, self._caches, work, self._volatile, dict(self._request.secrets))
        workers = Workers(
            self._tools,
            CopyStep(self._tools, sources, work, voice.say),
            Runner(self._tools, self._request, mounter, voice.say),
        )
        cache = Cache(self._tools.images, self._request.cache_from, enabled=not self._request.no_cache)
        arguments = Arguments(self._request.build_args, self._globals)
        return StageBuilder(workers, cache, arguments, voice.say, self._pin, escape=self._plan.escape)

    async def _wait_for_sources(self, at: int, step: Instruction) -> None:
        """Stages that a step takes from, waited for before it takes a slot that they may need."""
        for name in self._plan.origins(step):
            found = self._plan.find(name, at)
            if found is not None:
                await asyncio.shield(self._begin(found))

    async def _base(self, at: int, stage: Stage, voice: Voice) -> Image | None:
        name = self._expand(stage.base)
        if not name:
            raise EngineError(f"base name ({stage.base}) should not be blank")
        found = None if name.isdigit() else self._plan.find(name, at)
        if found is not None:
            return await asyncio.shield(self._begin(found))
        if name == "scratch":
            return None
        platform = self._expand(stage.platform)
        try:
            self._platform(platform)
        except InvalidParameter as error:
            raise InvalidParameter(f"failed to parse platform {platform}: {error.message}") from error
        return await self._image(name, voice, pull=self._request.pull, platform=platform)

    def _platform(self, text: str) -> Platform:
        try:
            return documents.parse_platform(text, self._machine)
        except ValueError as error:
            raise InvalidParameter(str(error)) from error

    async def _image(self, name: str, voice: Voice, *, pull: bool = False, platform: str = "") -> Image:
        """A local image, if it is of the platform that is asked for, or one from its registry."""
        images, platform = self._tools.images, platform or self._request.platform
        if not pull:
            try:
                found = images.get(name)
            except NotFound:
                pass
            else:
                wanted = self._platform(platform)
                if not platform or (found.os, found.architecture) == (wanted.os, wanted.architecture):
                    return self._pin(found)
        login = self._request.logins.get(endpoints.credential_key(reference.parse(name).domain))
        async for row in images.pull(name, "", platform=platform, login=login):
            await voice.queue.put(row)
        return self._pin(images.get(name))


def _first(errors: BaseExceptionGroup[EngineError]) -> EngineError:
    """Of a group, however deep."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, EngineError)
    return error
