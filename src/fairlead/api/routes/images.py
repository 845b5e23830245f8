"""/images: list, inspect, history, tag, remove, and the streams of load, import, save, pull and push."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from fairlead.api import filters, streams
from fairlead.api.exchange import Reply, Request, Response, Route, Stream, json_response
from fairlead.api.schema import image as schema
from fairlead.api.schema import registry as schema_registry
from fairlead.api.services import Containers, Images
from fairlead.errors import NotFound
from fairlead.model.image import Image
from fairlead.model.request import ImportRequest

_LIST_FILTERS = ("before", "dangling", "label", "reference", "since", "until")
_PRUNE_FILTERS = ("dangling", "label", "label!", "until")


class ImageRoutes:
    def __init__(self, images: Images, containers: Containers) -> None:
        self._images = images
        self._containers = containers

    async def list(self, request: Request) -> Reply:
        wanted = filters.parse(request.text("filters"), _LIST_FILTERS)
        found = self._images.list(all=request.flag("all"), filters=wanted)
        shared = self._images.shared_sizes() if request.flag("shared-size") else {}
        rows = [schema.render_summary(image, request.version, shared.get(image.id, -1)) for image in found]
        return json_response(rows)

    async def inspect(self, request: Request) -> Reply:
        name, version = request.params["name"], request.version
        if request.head.headers.get("user-agent", "").startswith("docker-compose/1."):
            version = min(version, (1, 44))  # recreating a service, it looks into ContainerConfig, whatever the version
        return json_response(schema.render_inspect(self._wanted(request, name), version, self._images.graph(name)))

    def _wanted(self, request: Request, name: str) -> Image:
        """The image, if it is for the platform that `platform` names, or for one of `platforms`."""
        named = [*request.texts("platforms"), *request.texts("platform")]
        found = [schema.parse_platform(text) for text in named if text]
        for platform in found[:-1]:
            with contextlib.suppress(NotFound):
                return self._images.get(name, platform=platform)
        return self._images.get(name, platform=found[-1] if found else "")

    async def history(self, request: Request) -> Reply:
        name = request.params["name"]
        self._wanted(request, name)
        return json_response(schema.render_history(self._images.line(name), self._images.layer_sizes(name)))

    async def tag(self, request: Request) -> Reply:
        self._images.tag(request.params["name"], request.text("repo"), request.text("tag"))
        return Response(status=201)

    async def _users(self) -> Sequence[Any]:
        return [view.container for view in await self._containers.list(all=True, limit=None, size=False, filters={})]

    async def remove(self, request: Request) -> Reply:
        if request.texts("platforms"):
            self._wanted(request, request.params["name"])
        users = await self._users()
        steps = await self._images.remove(
            request.params["name"], force=request.flag("force"), noprune=request.flag("noprune"), users=users
        )
        return json_response(schema.render_removed(steps))

    async def prune(self, request: Request) -> Reply:
        wanted = filters.parse(request.text("filters"), _PRUNE_FILTERS)
        steps, freed = await self._images.prune(wanted, await self._users())
        return json_response({"ImagesDeleted": schema.render_removed(steps) or None, "SpaceReclaimed": freed})

    async def create(self, request: Request) -> Reply:
        """Pull (`fromImage`) or import (`fromSrc`)."""
        if name := request.text("fromImage"):
            login = schema_registry.parse_login(request.head.headers.get("x-registry-auth", ""))
            platform = request.text("platform")
            return await streams.progress(
                self._images.pull(name, request.text("tag"), platform=platform, login=login, every=True)
            )
        wanted = ImportRequest(
            source=request.text("fromSrc"), repository=request.text("repo"), tag=request.text("tag"),
            message=request.text("message"), changes=tuple(request.texts("changes")), platform=request.text("platform"),
        )  # fmt: skip
        return await streams.progress(self._images.import_(wanted, request.body()))

    async def load(self, request: Request) -> Reply:
        platform = request.text("platform") and schema.parse_platform(request.text("platform"))
        return await streams.progress(
            self._images.load(request.body(), quiet=request.flag("quiet"), platform=platform)
        )

    async def save(self, request: Request) -> Reply:
        names = [request.params["name"]] if "name" in request.params else request.texts("names")
        for name in names:
            self._wanted(request, name)
        return Stream(chunks=await streams.begun(self._images.save(names)), content_type="application/x-tar")

    async def push(self, request: Request) -> Reply:
        login = schema_registry.parse_login(request.head.headers.get("x-registry-auth", ""))
        if request.text("platform"):
            tag = request.text("tag")
            self._wanted(request, f"{request.params['name']}:{tag}" if tag else request.params["name"])
        return await streams.progress(self._images.push(request.params["name"], request.text("tag"), login))


def routes(images: Images, containers: Containers) -> list[Route]:
    handlers = ImageRoutes(images, containers)
    return [
        Route("GET", "/images/json", handlers.list),
        Route("GET", "/images/get", handlers.save),
        Route("POST", "/images/create", handlers.create),
        Route("POST", "/images/load", handlers.load),
        Route("POST", "/images/prune", handlers.prune, finish=True),
        Route("GET", "/images/{name}/json", handlers.inspect),
        Route("GET", "/images/{name}/history", handlers.history),
        Route("GET", "/images/{name}/get", handlers.save),
        Route("POST", "/images/{name}/push", handlers.push),
        Route("POST", "/images/{name}/tag", handlers.tag, finish=True),
        Route("DELETE", "/images/{name}", handlers.remove, finish=True),
    ]
