"""/fairlead/v1: what Docker does not have — images bootstrapped on the spot, links, ports of running containers."""

from __future__ import annotations

from fairlead.api import streams
from fairlead.api.exchange import Reply, Request, Route, json_response
from fairlead.api.schema import networking, ports
from fairlead.api.schema.build import parse_bootstrap
from fairlead.api.schema.fields import Fields
from fairlead.api.services import Engine


class OwnRoutes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def bootstrap(self, request: Request) -> Reply:
        return await streams.progress(self._engine.bootstrap.run(parse_bootstrap(await request.json())))

    async def links(self, request: Request) -> Reply:
        """Every link: who may reach whom, under which name."""
        views = await self._engine.containers.list(all=True, limit=None, size=False, filters={})
        names = {view.container.id: view.container.name for view in views}
        rows = [
            {
                "Recipient": view.container.name,
                "RecipientID": view.container.id,
                "Alias": link.alias,
                "Source": names.get(link.source_id, link.source_name),
                "SourceID": link.source_id if link.source_id in names else "",
            }
            for view in views
            for link in view.container.links
        ]
        return json_response(sorted(rows, key=lambda row: (row["Recipient"], row["Alias"])))

    async def publish(self, request: Request) -> Reply:
        """Host ports of a container, added and removed while it runs. Answers as inspect's NetworkSettings.Ports."""
        change = ports.parse_change(Fields(await request.json(), "PortChange"))
        view = await self._engine.containers.publish(request.params["name"], change)
        return json_response({"Ports": networking.render_settings(view, request.version)["Ports"]})


def routes(engine: Engine) -> list[Route]:
    handlers = OwnRoutes(engine)
    return [
        Route("POST", "/fairlead/v1/images/bootstrap", handlers.bootstrap),
        Route("GET", "/fairlead/v1/links", handlers.links),
        Route("POST", "/fairlead/v1/containers/{name}/ports", handlers.publish, finish=True),
    ]
