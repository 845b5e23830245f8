"""RUN: a container whose upper directory becomes a layer."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from fairlead import ids
from fairlead.engine.build import stubs
from fairlead.engine.build.mounts import Mounter
from fairlead.engine.build.tools import BuildFailed, Say, Tools, in_red
from fairlead.errors import InvalidParameter, NotFound
from fairlead.images.dockerfile import mounts, syntax
from fairlead.images.dockerfile.instructions import Instruction
from fairlead.images.layers import Unpacked
from fairlead.linux import process
from fairlead.model.container import Config, HealthConfig, HostConfig, LogConfig, Mount
from fairlead.model.image import Image
from fairlead.model.request import AttachRequest, BuildRequest, CreateRequest, WaitCondition

_NETWORKS = ("default", "none", "host")
_SCRIPTS = "/dev/pipes"


def script(step: Instruction, shell: Sequence[str]) -> tuple[str, ...]:
    """The command line. A heredoc that stands alone is the script; others are for the shell to read."""
    if step.json:
        return step.args
    if not step.heredocs:
        return (*shell, *step.args)
    first = step.heredocs[0]
    if syntax.heredoc_mark(step.args[0]) is None:
        return (*shell, "\n".join([step.args[0], *(f"{doc.text}{doc.name}" for doc in step.heredocs)]))
    if first.text.startswith("#!"):
        return (f"{_SCRIPTS}/{first.name}",)
    return (*shell, first.content)


@dataclass(frozen=True, slots=True)
class Runner:
    tools: Tools
    request: BuildRequest
    mounter: Mounter
    say: Say

    async def run(
        self,
        step: Instruction,
        image: Image | None,
        config: Config,
        command: tuple[str, ...],
        wanted: list[mounts.RunMount],
    ) -> Unpacked:
        """Runs the command to its end; the layer that it made."""
        async with AsyncExitStack() as stack:
            made = await self.mounter.mounts(wanted, config.working_dir, stack)
            made += self._script(step, command, stack)
            host = replace(self._host(step), mounts=tuple(made))
            config = replace(
                config,
                env=(*config.env, *self.mounter.variables(wanted)),
                image=image.id if image else "",
                cmd=command,
                entrypoint=(),
                health=HealthConfig(test=("NONE",)),
                exposed_ports=frozenset(),
                attach_stdout=True,
                attach_stderr=True,
            )
            identifier = await self._container(config, host, command)
            try:
                return await self._layer(identifier, made)
            finally:
                if self.request.remove or self.request.force_remove:
                    await self._discard(identifier)

    def _host(self, step: Instruction) -> HostConfig:
        host = self.request.host_config
        network = step.flag("network", "default")
        if network not in _NETWORKS:
            raise InvalidParameter(f'unsupported network mode "{network}"')
        if step.flag("security", "sandbox") != "sandbox":
            raise InvalidParameter("security.insecure is not allowed")
        mode = host.network_mode if network == "default" else network
        return replace(host, network_mode="bridge" if mode in ("", "default") else mode, log_config=LogConfig("none"))

    def _script(self, step: Instruction, command: tuple[str, ...], stack: AsyncExitStack) -> list[Mount]:
        """A heredoc with an interpreter of its own is a file."""
        if not step.heredocs or command != (target := f"{_SCRIPTS}/{step.heredocs[0].name}",):
            return []
        path = self.mounter.work / f"script-{ids.new_id()}"
        stack.callback(path.unlink)
        path.write_text(step.heredocs[0].content)
        path.chmod(0o755)
        return [Mount(type="bind", source=str(path), target=target, read_only=True)]

    async def _container(self, config: Config, host: HostConfig, command: tuple[str, ...]) -> str:
        containers = self.tools.containers
        result = await containers.create(CreateRequest(name=None, config=config, host_config=host))
        await self.say(f" ---> Running in {ids.short(result.id)}\n")
        try:
            waiting = containers.wait(result.id, WaitCondition.NEXT_EXIT)
            stream = await containers.attach(result.id, AttachRequest(stdout=True, stderr=True, stream=True))
            try:
                await containers.start(result.id)
                await self._output(stream)
            finally:
                await stream.close()
            code = (await waiting).status_code
        except BaseException:
            await self._discard(result.id, quiet=True)
            raise
        if code:
            if self.request.force_remove:
                await self._discard(result.id)
            shown = " ".join(command)
            raise BuildFailed(f"The command '{shown}' returned a non-zero code: {code}", code)
        return result.id

    async def _output(self, stream: object) -> None:
        """What the command says; its errors in red, as Docker's builder sends them."""
        decoders = {number: codecs.getincrementaldecoder("utf-8")("replace") for number in (1, 2)}
        while (packet := await stream.read()) is not None:  # type: ignore[attr-defined]  # Attachments.Stream
            number, data = packet
            text = decoders[number].decode(data)
            if text:
                await self.say(in_red(text) if number == 2 else text)

    async def _layer(self, identifier: str, made: Sequence[Mount]) -> Unpacked:
        snapshots = self.tools.snapshots
        snapshots.umount(identifier)
        upper = snapshots.upper(identifier)
        stubs.sweep(upper, snapshots.layers(identifier), [mount.target for mount in made])
        if not (self.request.remove or self.request.force_remove):
            upper = await self._copy(upper)
        return await self.tools.images.layers.seal(upper)

    async def _copy(self, upper: Path) -> Path:
        """The container stays (`--rm=false`), so its files do, too."""
        target = self.mounter.work / f"kept-{ids.new_id()}"
        await process.run(["cp", "-a", "--reflink=auto", str(upper), str(target)])
        return target

    async def _discard(self, identifier: str, *, quiet: bool = False) -> None:
        try:
            await self.tools.containers.remove(identifier, force=True, volumes=True, link=False)
        except NotFound:
            return
        if not quiet:
            await self.say(f" ---> Removed intermediate container {ids.short(identifier)}\n")
