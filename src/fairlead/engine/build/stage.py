"""One stage of a build: each instruction gives an image on top of the last, from the cache where it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fairlead import ids
from fairlead.engine.build import run, steps
from fairlead.engine.build.arguments import Arguments
from fairlead.engine.build.cache import Cache, key_of
from fairlead.engine.build.copy import CopyStep
from fairlead.engine.build.run import Runner
from fairlead.engine.build.steps import Scope
from fairlead.engine.build.tools import Say, Tools
from fairlead.engine.images import Pin
from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import instructions, mounts, syntax
from fairlead.images.dockerfile.instructions import Instruction
from fairlead.images.layers import Unpacked
from fairlead.model.container import Config
from fairlead.model.image import HistoryEntry, Image

Make = Callable[[], Awaitable[Unpacked | None]]


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the steps that are more than a change of configuration."""

    tools: Tools
    copy: CopyStep
    run: Runner


class StageBuilder:
    def __init__(
        self, workers: Workers, cache: Cache, arguments: Arguments, say: Say, pin: Pin, *, escape: str
    ) -> None:
        self._workers = workers
        self._images = workers.tools.images
        self._cache = cache
        self._arguments = arguments
        self._say = say
        self._pin = pin
        self._escape = escape
        self._config = Config()
        self._author = ""
        self._cmd_set = False
        self.image: Image | None = None

    async def begin(self, base: Image | None) -> None:
        """FROM: the base's configuration, then what it left for its children to do."""
        self.image = base
        triggers = base.config.on_build if base else ()
        self._config = steps.begin(base.config if base else Config())
        if triggers:
            await self._say(f"# Executing {len(triggers)} build trigger{'s' if len(triggers) > 1 else ''}\n")
        for text in triggers:
            for line in syntax.parse(text).lines:
                await self._dispatch(instructions.parse(replace(line, number=0), "\\"))
        await self.tell()

    async def tell(self) -> None:
        await self._say(f" ---> {ids.short(self.image.id) if self.image else ''}\n")

    async def step(self, step: Instruction) -> None:
        await self._dispatch(step)
        await self.tell()

    def scope(self) -> Scope:
        """What `$x` may name: arguments, and variables, which win."""
        values = {**self._arguments.values(), **steps.env_values(self._config.env)}
        return Scope(values, self._escape, self._cmd_set)

    async def _dispatch(self, step: Instruction) -> None:
        match step.word:
            case "ARG":
                await self._argument(step)
            case "RUN":
                await self._run(step)
            case "COPY" | "ADD":
                await self._copy(step)
            case "WORKDIR":
                await self._workdir(step)
            case _:
                await self._configure(step)

    async def label(self, name: str, value: str) -> None:
        """`--label`: as a LABEL at the end, but taken as it is."""
        self._config = replace(self._config, labels={**self._config.labels, name: value})
        await self._made(f"LABEL {name}={value}")
        await self.tell()

    async def _argument(self, step: Instruction) -> None:
        told = []
        for text in step.args:
            name, equals, value = text.partition("=")
            scope = self.scope()
            name, value = scope.expand(name), scope.expand(value)
            self._arguments.declare(name, value if equals else None)
            told.append(f"{name}={value}" if equals else name)
        await self._made(f"ARG {' '.join(told)}")

    async def _configure(self, step: Instruction) -> None:
        if step.word == "HEALTHCHECK":
            before = self._config.health.test if self._config.health else ()
            if before and before[0] != "NONE":
                await self._say(f"Note: overriding previous HEALTHCHECK: [{' '.join(before)}]\n")
        self._config, comment = steps.configure(self._config, step, self.scope())
        if step.word == "MAINTAINER":
            self._author = step.args[0]
        await self._made(comment)
        self._cmd_set = self._cmd_set or step.word == "CMD"

    # -- results ---------------------------------------------------------------------------------

    async def _made(self, comment: str) -> None:
        """A step that leaves nothing but a configuration."""
        await self._result(comment, steps.nop(self._config, comment), _nothing)

    async def _result(self, identity: str, created_by: str, make: Make) -> None:
        """The step's image: of an earlier build, or made now. What fails leaves nothing."""
        key = key_of(self.image, self._config, identity, self._author)
        found = await self._cache.probe(key, self.image, self._config, created_by)
        if found is not None:
            self.image, self._config = self._pin(found), found.config
            await self._say(" ---> Using cache\n")
            return
        layer = await make()
        entry = HistoryEntry(
            created=datetime.now(UTC), created_by=created_by, author=self._author, empty_layer=layer is None
        )
        made = self._images.child(self.image, self._config, entry, layer.diff_id if layer else None)
        self.image = self._pin(await self._images.put(made, layer))
        self._images.store.cache(key, self.image.id)

    # -- steps that make files -------------------------------------------------------------------

    async def _run(self, step: Instruction) -> None:
        scope = self.scope()
        wanted = [mounts.parse(text, scope.values) for text in step.flags.get("mount", ())]
        command = run.script(step, self._config.shell or steps.DEFAULT_SHELL)
        environment = self._arguments.environment(steps.env_values(self._config.env))
        remembered = self._arguments.remembered(environment)
        told = [f"|{len(remembered)}", *remembered, *command] if environment else [*command]
        config = replace(self._config, env=(*self._config.env, *environment))

        async def make() -> Unpacked:
            return await self._workers.run.run(step, self.image, config, command, wanted)

        texts = [heredoc.text for heredoc in step.heredocs]
        identity = repr(("RUN", told, step.flags.get("mount"), step.flag("network"), texts))
        await self._result(identity, " ".join(told), make)

    async def _copy(self, step: Instruction) -> None:
        async with AsyncExitStack() as stack:
            copy = await self._workers.copy.prepare(step, self.scope(), self._config.working_dir, stack)

            async def make() -> Unpacked:
                return await self._workers.copy.perform(copy, self.image)

            identity = f"{copy.comment}\0{copy.destination}\0{copy.options}"
            await self._result(identity, steps.nop(self._config, copy.comment), make)

    async def _workdir(self, step: Instruction) -> None:
        """The directory is made in the image, owned by root, as Docker's builder does."""
        self._config, comment = steps.configure(self._config, step, self.scope())
        await self._result(comment, steps.nop(self._config, comment), self._make_directory)

    async def _make_directory(self) -> Unpacked | None:
        snapshots = self._workers.tools.snapshots
        snapshot = ids.new_id()
        try:
            snapshots.prepare(snapshot, self.image)
            merged = snapshots.mount(snapshot)
            try:
                await self._images.layers.jobs.run("mkdir", {"target": str(merged), "path": self._config.working_dir})
            except InvalidParameter as error:
                raise InvalidParameter(f"Cannot mkdir: {self._config.working_dir} is not a directory") from error
            snapshots.umount(snapshot)
            if not any(snapshots.upper(snapshot).iterdir()):
                return None
            return await self._images.layers.seal(snapshots.upper(snapshot))
        finally:
            snapshots.remove(snapshot)


async def _nothing() -> None:
    return None
