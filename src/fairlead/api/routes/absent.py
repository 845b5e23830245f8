"""What this engine has not: swarm, its services and nodes, plugins. The answers are those of a Docker engine that is no
swarm manager and has no plugins."""

from __future__ import annotations

from fairlead.api import errors
from fairlead.api.exchange import JSON, Reply, Request, Response, Route, json_response
from fairlead.errors import NO_MANAGER, NotFound, Unavailable, Unimplemented

_NO_SWARM = "This node is not part of a swarm"
_KINDS = ("services", "nodes", "tasks", "secrets", "configs")


async def _no_manager(request: Request) -> Reply:
    raise Unavailable(NO_MANAGER)


async def _leave(request: Request) -> Reply:
    if request.flag("force"):
        raise Unavailable(_NO_SWARM)
    return Response(status=406, body=errors.body(_NO_SWARM), content_type=JSON)


async def _no_swarm_mode(request: Request) -> Reply:
    raise Unimplemented("swarm mode is not supported by this engine")


async def _no_plugins(request: Request) -> Reply:
    return json_response([])


async def _no_plugin(request: Request) -> Reply:
    name = request.params["name"].removesuffix("/json")
    raise NotFound(f'plugin "{name}" not found')


async def _no_plugin_system(request: Request) -> Reply:
    raise Unimplemented("plugins are not supported by this engine")


def routes() -> list[Route]:
    swarm = [Route(method, f"/{kind}", _no_manager) for kind in _KINDS for method in ("GET", "POST")]
    swarm += [
        Route(method, f"/{kind}/{{name}}", _no_manager) for kind in _KINDS for method in ("GET", "POST", "DELETE")
    ]
    return [
        Route("GET", "/swarm", _no_manager),
        Route("GET", "/swarm/unlockkey", _no_manager),
        Route("POST", "/swarm/update", _no_manager),
        Route("POST", "/swarm/unlock", _no_manager),
        Route("POST", "/swarm/leave", _leave),
        Route("POST", "/swarm/init", _no_swarm_mode),
        Route("POST", "/swarm/join", _no_swarm_mode),
        *swarm,
        Route("GET", "/plugins", _no_plugins),
        Route("GET", "/plugins/privileges", _no_plugin_system),
        Route("POST", "/plugins/pull", _no_plugin_system),
        Route("POST", "/plugins/create", _no_plugin_system),
        Route("GET", "/plugins/{name}/json", _no_plugin),
        Route("POST", "/plugins/{name}/enable", _no_plugin),
        Route("POST", "/plugins/{name}/disable", _no_plugin),
        Route("POST", "/plugins/{name}/push", _no_plugin),
        Route("POST", "/plugins/{name}/set", _no_plugin),
        Route("POST", "/plugins/{name}/upgrade", _no_plugin),
        Route("DELETE", "/plugins/{name}", _no_plugin),
    ]
