"""/networks."""

from __future__ import annotations

from fairlead.api import filters
from fairlead.api.exchange import NO_CONTENT, Reply, Request, Response, Route, json_response
from fairlead.api.schema import network as schema
from fairlead.api.schema import networking
from fairlead.api.schema.fields import Fields
from fairlead.api.services import Networks

_LIST_FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")


class NetworkRoutes:
    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    async def list(self, request: Request) -> Reply:
        """Members are told by inspect only."""
        views = await self._networks.list(filters.parse(request.text("filters"), _LIST_FILTERS))
        return json_response([schema.render(view.network, {}) for view in views])

    async def inspect(self, request: Request) -> Reply:
        view = await self._networks.inspect(request.params["name"])
        return json_response(schema.render(view.network, view.endpoints))

    async def create(self, request: Request) -> Reply:
        network_id, warning = await self._networks.create(schema.parse_create(await request.json()))
        return json_response({"Id": network_id, "Warning": warning}, 201)

    async def remove(self, request: Request) -> Reply:
        await self._networks.remove(request.params["name"])
        return NO_CONTENT

    async def connect(self, request: Request) -> Reply:
        fields = Fields(await request.json(), "ConnectOptions")
        name, wanted = request.params["name"], networking.parse_endpoint(fields.child("EndpointConfig"))
        networking.check_endpoint(name, wanted)
        await self._networks.connect(name, fields.text("Container"), wanted)
        return Response()

    async def disconnect(self, request: Request) -> Reply:
        fields = Fields(await request.json(), "DisconnectOptions")
        await self._networks.disconnect(request.params["name"], fields.text("Container"), force=fields.flag("Force"))
        return Response()

    async def prune(self, request: Request) -> Reply:
        removed = await self._networks.prune(filters.parse(request.text("filters"), ("label", "label!", "until")))
        return json_response({"NetworksDeleted": list(removed) or None})


def routes(networks: Networks) -> list[Route]:
    handlers = NetworkRoutes(networks)
    return [
        Route("GET", "/networks", handlers.list),
        Route("GET", "/networks/", handlers.list),
        Route("POST", "/networks/create", handlers.create, finish=True),
        Route("POST", "/networks/prune", handlers.prune, finish=True),
        Route("POST", "/networks/{name}/connect", handlers.connect, finish=True),
        Route("POST", "/networks/{name}/disconnect", handlers.disconnect, finish=True),
        Route("GET", "/networks/{name}", handlers.inspect),
        Route("DELETE", "/networks/{name}", handlers.remove, finish=True),
    ]
