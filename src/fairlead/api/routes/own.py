"""/fairlead/v1: what Docker does not have — images bootstrapped on the spot, links, ports of running containers,
networks put back."""

from __future__ import annotations

from typing import Any

from fairlead.api import streams
from fairlead.api.exchange import Reply, Request, Route, json_response
from fairlead.api.schema import networking, ports
from fairlead.api.schema.build import parse_bootstrap
from fairlead.api.schema.fields import Fields
from fairlead.api.services import Engine
from fairlead.model.container import Container, Link


class OwnRoutes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def bootstrap(self, request: Request) -> Reply:
        return await streams.progress(self._engine.bootstrap.run(parse_bootstrap(await request.json())))

    async def links(self, request: Request) -> Reply:
        """Every link: who may reach whom, under which name."""
        views = await self._engine.containers.list(all=True, limit=None, size=False, filters={})
        containers = {view.container.id: view.container for view in views}
        rows = [
            _render_link(recipient, link, containers.get(link.source_id))
            for recipient in containers.values()
            for link in recipient.links
        ]
        return json_response(sorted(rows, key=lambda row: (row["Recipient"], row["Alias"])))

    async def reload(self, request: Request) -> Reply:
        """Rules, bridges and endpoints as they are meant to be, of one network or of all of them."""
        return json_response({"Networks": await self._engine.healer.reload(request.params.get("name"))})

    async def publish(self, request: Request) -> Reply:
        """Host ports of a container, added and removed while it runs. Answers as inspect's NetworkSettings.Ports."""
        change = ports.parse_change(Fields(await request.json(), "PortChange"))
        view = await self._engine.containers.publish(request.params["name"], change)
        return json_response({"Ports": networking.render_settings(view, request.version)["Ports"]})


def _render_link(recipient: Container, link: Link, source: Container | None) -> dict[str, Any]:
    """`State`: up, or what is in the way; a link whose source is gone waits for a container of its name."""
    if source is None:
        state = "source gone"
    elif not source.state.status.running:
        state = "source stopped"
    else:
        state = "up" if recipient.state.status.running else "recipient stopped"
    return {
        "Recipient": recipient.name,
        "RecipientID": recipient.id,
        "Alias": link.alias,
        "Source": source.name if source is not None else link.source_name,
        "SourceID": source.id if source is not None else "",
        "Ports": [str(port) for port in sorted(source.config.exposed_ports)] if source is not None else [],
        "State": state,
    }


def routes(engine: Engine) -> list[Route]:
    handlers = OwnRoutes(engine)
    return [
        Route("POST", "/fairlead/v1/images/bootstrap", handlers.bootstrap),
        Route("GET", "/fairlead/v1/links", handlers.links),
        Route("POST", "/fairlead/v1/networks/reload", handlers.reload, finish=True),
        Route("POST", "/fairlead/v1/networks/{name}/reload", handlers.reload, finish=True),
        Route("POST", "/fairlead/v1/containers/{name}/ports", handlers.publish, finish=True),
    ]
