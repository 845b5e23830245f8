"""`commit`: a container's own layer becomes a layer of a new image. The container goes on (paused meanwhile)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

from fairlead.engine import changes
from fairlead.engine.control import Control
from fairlead.engine.events import Events
from fairlead.engine.images import Images
from fairlead.engine.registry import Registry
from fairlead.errors import Conflict, EngineError, InvalidParameter, NotFound
from fairlead.images import reference
from fairlead.images.layers import Unpacked
from fairlead.images.snapshots import Snapshots
from fairlead.model.container import Config, Container, Status
from fairlead.model.image import HistoryEntry, Image
from fairlead.model.request import CommitRequest


class Committer:
    def __init__(
        self, registry: Registry, control: Control, images: Images, snapshots: Snapshots, events: Events
    ) -> None:
        self._registry = registry
        self._control = control
        self._images = images
        self._snapshots = snapshots
        self._events = events

    async def commit(self, request: CommitRequest) -> str:
        """The new image's id."""
        container = self._registry.get(request.container)
        _check(container)
        name = _name(request)
        config = changes.apply(_merged(request.config, container.config), request.changes)
        with self._snapshots.held(container.id):
            async with AsyncExitStack() as undo:
                if request.pause and container.state.status is Status.RUNNING:
                    await self._control.pause(container)
                    undo.push_async_callback(self._resume, container)
                layer = await self._layer(container)
            image = await self._images.put(self._image(container, config, request, layer), layer)
        if name:
            self._images.name(image.id, name)
            self._images.noticed("tag", image.id, name)
        self._events.container(container, "commit", comment=request.comment, imageID=image.id, imageRef=name)
        return image.id

    async def _resume(self, container: Container) -> None:
        try:
            await self._control.unpause(container)
        except EngineError:
            return  # it was killed, removed or resumed meanwhile

    async def _layer(self, container: Container) -> Unpacked:
        """A copy of the upper directory, as the layer it would be had it come in an archive: from child to child."""
        view = {"upper": str(self._snapshots.upper(container.id))}
        layers = self._images.layers
        async with layers.jobs.piped("pack", view) as packed:
            return await layers.unpack(stdin=packed)

    def _image(self, container: Container, config: Config, request: CommitRequest, layer: Unpacked) -> Image:
        entry = HistoryEntry(
            created=datetime.now(UTC),
            created_by=" ".join(container.config.cmd or ()),
            author=request.author,
            comment=request.comment,
        )
        parent = self._images.below(container.image_id)
        if parent is None and container.image_id:
            raise NotFound(f"No such image: {container.image_id}")
        return self._images.child(parent, config, entry, layer.diff_id)


def _check(container: Container) -> None:
    if container.state.status is Status.DEAD:
        raise Conflict(f"You cannot commit container {container.id} which is Dead")
    if container.state.status is Status.REMOVING:
        raise Conflict(f"You cannot commit container {container.id} which is being removed")


def _name(request: CommitRequest) -> str:
    if not request.repo:
        return ""
    parsed = reference.parse(f"{request.repo}:{request.tag}" if request.tag else request.repo).tagged()
    if parsed.digest:
        raise InvalidParameter("refusing to create a tag with a digest reference")
    return str(parsed)


def _merged(given: Config | None, own: Config) -> Config:
    """A configuration in the request's body, completed by the container's (Docker's runconfig merge)."""
    if given is None:
        return own
    names = {entry.partition("=")[0] for entry in given.env}
    entrypoint, cmd = given.entrypoint, given.cmd
    if not entrypoint:
        cmd = cmd or own.cmd
        entrypoint = own.entrypoint if entrypoint is None else entrypoint
    return replace(
        given,
        user=given.user or own.user,
        exposed_ports=given.exposed_ports | own.exposed_ports,
        env=(*given.env, *(entry for entry in own.env if entry.partition("=")[0] not in names)),
        labels={**own.labels, **given.labels},
        entrypoint=entrypoint,
        cmd=cmd,
        health=given.health or own.health,
        working_dir=given.working_dir or own.working_dir,
        volumes=tuple(dict.fromkeys([*given.volumes, *own.volumes])),
        stop_signal=given.stop_signal or own.stop_signal,
        shell=given.shell or own.shell,
    )
