"""/containers: create, list, inspect and the verbs with a short answer. (Long answers: streams.py.)"""

from __future__ import annotations

from fairlead.api import filters
from fairlead.api.exchange import JSON, NO_CONTENT, Reply, Request, Response, Route, json_response
from fairlead.api.schema import container as schema
from fairlead.api.schema.summaries import Summaries
from fairlead.api.services import Containers
from fairlead.errors import InvalidParameter

_LIST_FILTERS = (
    "ancestor", "before", "exited", "expose", "health", "id", "isolation", "is-task", "label", "name", "network",
    "publish", "since", "status", "volume",
)  # fmt: skip


class ContainerRoutes:
    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._summaries = Summaries()

    async def create(self, request: Request) -> Reply:
        body = await request.json()
        wanted = schema.parse_create(
            body, name=request.text("name"), platform=request.text("platform"), version=request.version
        )
        return json_response(schema.render_created(await self._containers.create(wanted)), 201)

    async def list(self, request: Request) -> Reply:
        limit = request.integer("limit")
        views = await self._containers.list(
            all=request.flag("all"),
            limit=limit if limit and limit > 0 else None,
            size=request.flag("size"),
            filters=filters.parse(request.text("filters"), _LIST_FILTERS),
        )
        return Response(body=self._summaries.render(views, request.version), content_type=JSON)

    async def inspect(self, request: Request) -> Reply:
        view = await self._containers.inspect(request.params["name"], size=request.flag("size"))
        return json_response(schema.render_inspect(view, request.version))

    async def start(self, request: Request) -> Reply:
        if len(await request.read()) > 2:  # {} is as good as none
            raise InvalidParameter(
                "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
            )
        await self._containers.start(request.params["name"])
        return NO_CONTENT

    async def stop(self, request: Request) -> Reply:
        await self._containers.stop(
            request.params["name"], timeout_s=request.integer("t"), signal=request.text("signal") or None
        )
        return NO_CONTENT

    async def restart(self, request: Request) -> Reply:
        await self._containers.restart(
            request.params["name"], timeout_s=request.integer("t"), signal=request.text("signal") or None
        )
        return NO_CONTENT

    async def kill(self, request: Request) -> Reply:
        await self._containers.kill(request.params["name"], request.text("signal") or "SIGKILL")
        return NO_CONTENT

    async def pause(self, request: Request) -> Reply:
        await self._containers.pause(request.params["name"])
        return NO_CONTENT

    async def unpause(self, request: Request) -> Reply:
        await self._containers.unpause(request.params["name"])
        return NO_CONTENT

    async def rename(self, request: Request) -> Reply:
        await self._containers.rename(request.params["name"], request.text("name"))
        return NO_CONTENT

    async def remove(self, request: Request) -> Reply:
        await self._containers.remove(
            request.params["name"],
            force=request.flag("force"),
            volumes=request.flag("v"),
            link=request.flag("link"),
        )
        return NO_CONTENT

    async def resize(self, request: Request) -> Reply:
        await self._containers.resize(request.params["name"], *size_of(request))
        return Response()

    async def top(self, request: Request) -> Reply:
        titles, processes = await self._containers.top(request.params["name"], request.word("ps_args") or "-ef")
        return json_response({"Processes": [list(row) for row in processes], "Titles": list(titles)})

    async def update(self, request: Request) -> Reply:
        body = await request.json()
        view = await self._containers.inspect(request.params["name"])
        wanted = schema.parse_update(body, view.container.host_config)
        return json_response({"Warnings": list(await self._containers.update(view.container.id, wanted)) or None})

    async def prune(self, request: Request) -> Reply:
        removed, bytes_freed = await self._containers.prune(
            filters.parse(request.text("filters"), ("label", "label!", "until"))
        )
        return json_response({"ContainersDeleted": list(removed) or None, "SpaceReclaimed": bytes_freed})


def size_of(request: Request) -> tuple[int, int]:
    """Height and width of a terminal."""
    return request.integer("h") or 0, request.integer("w") or 0


def routes(containers: Containers) -> list[Route]:
    handlers = ContainerRoutes(containers)
    return [
        Route("GET", "/containers/json", handlers.list),
        Route("POST", "/containers/create", handlers.create, finish=True),
        Route("POST", "/containers/prune", handlers.prune, finish=True),
        Route("GET", "/containers/{name}/json", handlers.inspect),
        Route("GET", "/containers/{name}/top", handlers.top),
        Route("POST", "/containers/{name}/start", handlers.start, finish=True),
        Route("POST", "/containers/{name}/stop", handlers.stop, finish=True),
        Route("POST", "/containers/{name}/restart", handlers.restart, finish=True),
        Route("POST", "/containers/{name}/kill", handlers.kill, finish=True),
        Route("POST", "/containers/{name}/pause", handlers.pause, finish=True),
        Route("POST", "/containers/{name}/unpause", handlers.unpause, finish=True),
        Route("POST", "/containers/{name}/rename", handlers.rename, finish=True),
        Route("POST", "/containers/{name}/resize", handlers.resize),
        Route("POST", "/containers/{name}/update", handlers.update, finish=True),
        Route("DELETE", "/containers/{name}", handlers.remove, finish=True),
    ]
