"""One stage of a build: each instruction gives an image on top of the last, from the cache where it can."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fairlead import ids
from fairlead.engine import buildsteps
from fairlead.engine.containers import Containers
from fairlead.engine.images import Images
from fairlead.errors import EngineError, InvalidParameter, NotFound
from fairlead.images import dockerfile, job
from fairlead.images.dockerfile import Instruction
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Config, HostConfig
from fairlead.model.image import HistoryEntry, Image
from fairlead.model.request import AttachRequest, BuildRequest, CreateRequest, WaitCondition
from fairlead.runtime import users

Say = Callable[[str], Awaitable[None]]


class BuildFailed(EngineError):
    """A RUN step ended with an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Context:
    """The unpacked build context."""

    tree: Path


@dataclass(frozen=True, slots=True)
class Tools:
    images: Images
    snapshots: Snapshots
    containers: Containers
    context: Context


class StageBuilder:
    def __init__(
        self,
        tools: Tools,
        request: BuildRequest,
        arguments: Mapping[str, str],
        built: Mapping[str, Image | None],
        say: Say,
        *,
        final: bool,
    ) -> None:
        self._tools = tools
        self._request = request
        self._global = arguments
        self._built = built
        self._say = say
        self._final = final
        self._image: Image | None = None
        self._config = Config()
        self._arguments: dict[str, str] = {}
        self._cached = not request.no_cache
        self._cmd_set = False
        self.used: set[str] = set()

    async def begin(self, base: str) -> None:
        """FROM: an earlier stage, a local image, or nothing (`scratch`)."""
        if base == "scratch":
            await self._say(" --->\n")
            return
        if base.lower() in self._built:
            self._image = self._built[base.lower()]
        else:
            try:
                self._image = self._tools.images.get(base)
            except NotFound:
                async for _ in self._tools.images.pull(base, ""):
                    pass
                self._image = self._tools.images.get(base)
        if self._image is None:
            return
        self._config = self._image.config
        await self._say(f" ---> {ids.short(self._image.id)}\n")
        triggers, self._config = self._config.on_build, replace(self._config, on_build=())
        if triggers:
            await self._say(f"# Executing {len(triggers)} build trigger{'s' if len(triggers) > 1 else ''}\n")
        for trigger in triggers:
            for instruction in dockerfile.parse(f"FROM scratch\n{trigger}").stages[0].instructions:
                await self.step(instruction)

    async def end(self) -> Image | None:
        """The stage's image; with the labels that the request adds, if it is the last one."""
        if self._final and self._request.labels:
            labels = {**self._config.labels, **self._request.labels}
            self._config = replace(self._config, labels=labels)
            text = " ".join(f"{k}={v}" for k, v in sorted(self._request.labels.items()))
            await self._commit(f"LABEL {text}", None)
        return self._image

    def _values(self) -> dict[str, str]:
        """What `$x` may name: arguments, and variables, which win."""
        return {**self._arguments, **buildsteps.env_values(self._config.env)}

    async def step(self, step: Instruction) -> None:
        """Executes one instruction."""
        if step.word == "ARG":
            self._argument(step)
            await self._metadata(f"ARG {step.rest}")
        elif step.word == "RUN":
            await self._run(step)
        elif step.word in ("COPY", "ADD"):
            await self._copy(step)
        else:
            before = self._config
            self._config = buildsteps.configure(before, step, self._values(), cmd_set=self._cmd_set)
            self._cmd_set = self._cmd_set or step.word == "CMD"
            if step.word == "WORKDIR":
                await self._workdir(step)
            else:
                await self._metadata(f"{step.word} {step.rest}")

    def _argument(self, step: Instruction) -> None:
        for name, default in buildsteps.declared(step.rest, self._values()):
            self.used.add(name)
            given = self._request.build_args.get(name)
            value = given if given is not None else default if default is not None else self._global.get(name)
            if value is not None:
                self._arguments[name] = value

    # -- results ---------------------------------------------------------------------------------

    def _key(self, *parts: object) -> str:
        parent = self._image.id if self._image else "scratch"
        config = json.dumps([parent, repr(self._config), *map(str, parts)])
        return hashlib.sha256(config.encode()).hexdigest()

    async def _hit(self, key: str) -> bool:
        """Takes the image of an earlier build, if there is one and the cache may be used."""
        if not self._cached:
            return False
        known = self._tools.images.store.cached(key)
        try:
            found = self._tools.images.get(known) if known else None
        except NotFound:
            found = None
        if found is None:
            # Docker: after the first miss nothing of the cache is looked at, since what follows stands on new ground.
            self._cached = False
            return False
        self._image, self._config = found, found.config
        await self._say(f" ---> Using cache\n ---> {ids.short(found.id)}\n")
        return True

    async def _metadata(self, text: str) -> None:
        key = self._key(text)
        if not await self._hit(key):
            await self._commit(f"/bin/sh -c #(nop)  {text}", None, key=key)

    async def _commit(self, created_by: str, snapshot: str | None, *, key: str = "") -> None:
        """The next image: a new configuration, and a layer if `snapshot` names one."""
        images = self._tools.images
        layer = None
        if snapshot is not None:
            self._tools.snapshots.umount(snapshot)
            layer = await images.layers.seal(self._tools.snapshots.upper(snapshot))
        entry = HistoryEntry(created=datetime.now(UTC), created_by=created_by, empty_layer=layer is None)
        made = images.child(self._image, self._config, entry, layer.diff_id if layer else None)
        self._image = await images.put(made, layer)
        if key:
            images.store.cache(key, self._image.id)
        await self._say(f" ---> {ids.short(self._image.id)}\n")

    # -- RUN -------------------------------------------------------------------------------------

    async def _run(self, step: Instruction) -> None:
        if self._image is None:
            raise InvalidParameter("RUN needs an image: begin with FROM an image, or COPY something first")
        words = buildsteps.argv(step.rest)
        shell = self._config.shell or buildsteps.DEFAULT_SHELL
        command = words if words is not None else (*shell, _script(step))
        environment = [f"{name}={value}" for name, value in sorted(self._arguments.items())]
        environment += [
            f"{name}={value}"
            for name, value in self._request.build_args.items()
            if name.lower().endswith("_proxy") and value is not None
        ]
        created_by = (f"|{len(self._arguments)} {' '.join(environment)} " if self._arguments else "") + " ".join(
            command
        )
        key = self._key("RUN", *command, *environment, *(h.text for h in step.heredocs))
        if await self._hit(key):
            return
        config = replace(
            self._config, image=self._image.id, cmd=command, entrypoint=(), health=None, volumes=(),
            env=(*environment, *self._config.env), exposed_ports=frozenset(), attach_stdout=True, attach_stderr=True,
        )  # fmt: skip
        mode = self._request.network_mode
        host = HostConfig(
            network_mode="bridge" if mode in ("", "default") else mode,
            extra_hosts=self._request.extra_hosts,
            shm_size_bytes=self._request.shm_size_bytes or HostConfig().shm_size_bytes,
            memory_bytes=self._request.memory_bytes,
        )
        identifier = await self._container(config, host, command)
        try:
            await self._commit(created_by, identifier, key=key)
        finally:
            await self._discard(identifier)

    async def _container(self, config: Config, host: HostConfig, command: tuple[str, ...]) -> str:
        """Runs the command to its end; the id of its container, whose snapshot holds what it did."""
        containers = self._tools.containers
        result = await containers.create(CreateRequest(name=None, config=config, host_config=host))
        await self._say(f" ---> Running in {ids.short(result.id)}\n")
        try:
            waiting = containers.wait(result.id, WaitCondition.NEXT_EXIT)
            stream = await containers.attach(result.id, AttachRequest(stdout=True, stderr=True, stream=True))
            await containers.start(result.id)
            while (packet := await stream.read()) is not None:
                await self._say(packet[1].decode(errors="replace"))
            await stream.close()
            code = (await waiting).status_code
        except BaseException:
            await self._discard(result.id)
            raise
        if code:
            if self._request.force_remove or self._request.remove:
                await self._discard(result.id)
            shown = " ".join(command)
            raise BuildFailed(f"The command '{shown}' returned a non-zero code: {code}", code)
        return result.id

    async def _discard(self, identifier: str) -> None:
        try:
            await self._tools.containers.remove(identifier, force=True, volumes=True, link=False)
        except NotFound:
            return
        await self._say(f" ---> Removed intermediate container {ids.short(identifier)}\n")

    # -- COPY, ADD, WORKDIR ----------------------------------------------------------------------

    async def _copy(self, step: Instruction) -> None:
        values = self._values()
        words = list(buildsteps.argv(step.rest) or ())
        if not words:
            words = dockerfile.words(dockerfile.heredoc_marks(step.rest), values)
        if len(words) + len(step.heredocs) < 2:
            raise InvalidParameter(f"{step.word} requires at least two arguments, but only one was provided. "
                                   "Destination could not be determined.")  # fmt: skip
        *sources, destination = words
        if any(source.startswith(("http://", "https://", "git@")) for source in sources):
            raise InvalidParameter(f"{step.word} of remote files is not supported: {sources[0]}")
        if not destination.startswith("/"):
            slash = "/" if destination.endswith("/") or destination in (".", "./") else ""
            destination = posixpath.normpath(posixpath.join(self._config.working_dir or "/", destination)) + slash
        async with _Source(self._tools, self._built, step.flag("from"), step.heredocs, values) as (tree, made):
            await self._place(step, tree, [*sources, *made], destination)

    async def _place(self, step: Instruction, tree: Path, sources: list[str], destination: str) -> None:
        arguments = {"source": str(tree), "paths": sources}
        digest = (await job.run("copy", {**arguments, "digest": True}))["digest"]
        owner = dockerfile.expand(step.flag("chown"), self._values())
        key = self._key(step.word, digest, destination, owner, step.flag("chmod"))
        if await self._hit(key):
            return
        snapshot = ids.new_id()
        self._tools.snapshots.prepare(snapshot, self._image)
        try:
            merged = self._tools.snapshots.mount(snapshot)
            given = {
                **arguments,
                "target": str(merged),
                "destination": destination,
                "owner": _owner(merged, owner),
                "mode": int(step.flag("chmod"), 8) if step.flag("chmod") else None,
                "archives": step.word == "ADD",
                "site": job.site(),
            }
            await job.run("copy", given)
            text = f"{step.word} file:{digest} in {destination} "
            await self._commit(f"/bin/sh -c #(nop) {text}", snapshot, key=key)
        finally:
            self._tools.snapshots.remove(snapshot)

    async def _workdir(self, step: Instruction) -> None:
        """The directory is made in the image, owned by root, as Docker's builder does."""
        key = self._key("WORKDIR", step.rest)
        if await self._hit(key):
            return
        snapshot = ids.new_id()
        self._tools.snapshots.prepare(snapshot, self._image)
        try:
            merged = self._tools.snapshots.mount(snapshot)
            await job.run("mkdir", {"target": str(merged), "path": self._config.working_dir})
            changed = any(self._tools.snapshots.upper(snapshot).iterdir())
            created_by = f"/bin/sh -c #(nop) WORKDIR {self._config.working_dir}"
            await self._commit(created_by, snapshot if changed else None, key=key)
        finally:
            self._tools.snapshots.remove(snapshot)


class _Source:
    """Where COPY takes from: the context, a stage or an image (mounted for the while), or written heredocs."""

    def __init__(
        self,
        tools: Tools,
        built: Mapping[str, Image | None],
        name: str,
        heredocs: tuple[dockerfile.Heredoc, ...],
        values: Mapping[str, str],
    ) -> None:
        self._tools = tools
        self._built = built
        self._name = name
        self._heredocs = heredocs
        self._values = values
        self._snapshot = ""

    async def __aenter__(self) -> tuple[Path, list[str]]:
        if self._name:
            image = self._built.get(self._name.lower()) or self._tools.images.get(self._name)
            self._snapshot = ids.new_id()
            self._tools.snapshots.prepare(self._snapshot, image)
            return self._tools.snapshots.mount(self._snapshot), []
        made = []
        for heredoc in self._heredocs:
            text = dockerfile.expand(heredoc.text, self._values) if heredoc.expand else heredoc.text
            folder = self._tools.context.tree / ".heredoc"
            folder.mkdir(exist_ok=True)
            (folder / heredoc.name).write_text(text)
            made.append(f".heredoc/{heredoc.name}")
        return self._tools.context.tree, made

    async def __aexit__(self, *_: object) -> None:
        if self._snapshot:
            self._tools.snapshots.remove(self._snapshot)


def _owner(root: Path, text: str) -> list[int]:
    """`user[:group]` of --chown, by the names of the image."""
    if not text:
        return [0, 0]
    who = users.resolve(root, text)
    return [who.uid, who.gid if ":" in text or not text.isdigit() else who.uid]


def _script(step: Instruction) -> str:
    """What the shell gets: a heredoc that stands alone is the script; one that is redirected is kept as it was."""
    if not step.heredocs:
        return step.rest
    if not dockerfile.heredoc_marks(step.rest):
        return step.heredocs[0].text
    return "\n".join([step.rest, *(f"{heredoc.text}{heredoc.name}" for heredoc in step.heredocs)]) + "\n"
