"""/containers/{name}/exec and /exec: extra processes of a container."""

from __future__ import annotations

from fairlead.api import errors, streams
from fairlead.api.exchange import Duplex, Hijack, Reply, Request, Response, Route, json_response
from fairlead.api.routes.containers import size_of
from fairlead.api.schema import exec as schema
from fairlead.api.schema.fields import Fields
from fairlead.api.services import Execs
from fairlead.errors import EngineError


class ExecRoutes:
    def __init__(self, execs: Execs) -> None:
        self._execs = execs

    async def create(self, request: Request) -> Reply:
        wanted = schema.parse_create(await request.json())
        return json_response({"Id": await self._execs.create(request.params["name"], wanted)}, 201)

    async def start(self, request: Request) -> Reply:
        """Attached: switch to the raw stream first, then start; an error of the start is told inside the stream."""
        fields = Fields(await request.json(), "ExecStartOptions")
        exec_id, tty, size = request.params["id"], fields.flag("Tty"), fields.pair("ConsoleSize")
        view = await self._execs.inspect(exec_id)
        if fields.flag("Detach"):
            await self._execs.start(exec_id, detach=True, tty=tty, console_size=size)
            return Response()

        async def pump(duplex: Duplex) -> None:
            try:
                stdio = await self._execs.start(exec_id, detach=False, tty=tty, console_size=size)
            except EngineError as error:
                said = errors.text(error).encode() + b"\r\n"
                await duplex.write(said if view.request.tty else streams.frame(1, said))
                return
            if stdio is not None:
                await streams.pump(stdio, duplex, stdin=view.request.attach_stdin)

        return Hijack(pump=pump, content_type=streams.content_type(request.version, tty=view.request.tty))

    async def resize(self, request: Request) -> Reply:
        await self._execs.resize(request.params["id"], *size_of(request))
        return Response()

    async def inspect(self, request: Request) -> Reply:
        return json_response(schema.render_inspect(await self._execs.inspect(request.params["id"])))


def routes(execs: Execs) -> list[Route]:
    handlers = ExecRoutes(execs)
    return [
        Route("POST", "/containers/{name}/exec", handlers.create, finish=True),
        Route("POST", "/exec/{id}/start", handlers.start),
        Route("POST", "/exec/{id}/resize", handlers.resize),
        Route("GET", "/exec/{id}/json", handlers.inspect),
    ]
