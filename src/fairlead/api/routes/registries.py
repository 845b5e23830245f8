"""/auth, /distribution and /images/search: what is asked of registries without taking an image."""

from __future__ import annotations

from fairlead.api import filters
from fairlead.api.exchange import Reply, Request, Route, json_response
from fairlead.api.schema import registry as schema
from fairlead.api.services import Registries
from fairlead.errors import InvalidParameter

_SEARCH_FILTERS = ("is-automated", "is-official", "stars")
_MOST = 100


class RegistryRoutes:
    def __init__(self, registries: Registries) -> None:
        self._registries = registries

    async def login(self, request: Request) -> Reply:
        status, token = await self._registries.login(schema.of_config(await request.json()))
        return json_response({"Status": status, "IdentityToken": token})

    async def distribution(self, request: Request) -> Reply:
        login = schema.parse_login(request.head.headers.get("x-registry-auth", ""))
        return json_response(await self._registries.distribution(request.params["name"], login))

    async def search(self, request: Request) -> Reply:
        limit = request.integer("limit")
        if limit is None:
            limit = 25
        elif not 1 <= limit <= _MOST:
            raise InvalidParameter(f"limit {limit} is outside the range of [1, {_MOST}]")
        wanted = filters.parse(request.text("filters"), _SEARCH_FILTERS)
        login = schema.parse_login(request.head.headers.get("x-registry-auth", ""))
        return json_response(await self._registries.search(request.text("term"), limit, wanted, login))


def routes(registries: Registries) -> list[Route]:
    handlers = RegistryRoutes(registries)
    return [
        Route("POST", "/auth", handlers.login),
        Route("GET", "/distribution/{name}/json", handlers.distribution),
        Route("GET", "/images/search", handlers.search),
    ]
