"""Files of containers: /containers/{name}/archive, /export, /changes, and /commit."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from fairlead.api.exchange import Reply, Request, Response, Route, Stream, json_response
from fairlead.api.schema import config as schema
from fairlead.api.schema.fields import Fields
from fairlead.api.services import Changes, Committer, Copier
from fairlead.errors import InvalidParameter
from fairlead.model.request import CommitRequest

TAR = "application/x-tar"


class FileRoutes:
    def __init__(self, copier: Copier, changes: Changes, committer: Committer) -> None:
        self._copier = copier
        self._changes = changes
        self._committer = committer

    async def stat(self, request: Request) -> Reply:
        found = await self._copier.stat(request.params["name"], _path(request))
        return Response(headers=(_stat_header(found),))

    async def archive(self, request: Request) -> Reply:
        found, chunks = await self._copier.archive(request.params["name"], _path(request))
        return Stream(chunks=chunks, content_type=TAR, headers=(_stat_header(found),))

    async def extract(self, request: Request) -> Reply:
        await self._copier.extract(
            request.params["name"],
            _path(request),
            request.body(),
            careful=request.flag("noOverwriteDirNonDir"),
            copy_owner=request.flag("copyUIDGID"),
        )
        return Response()

    async def export(self, request: Request) -> Reply:
        chunks = await self._copier.export(request.params["name"])
        return Stream(chunks=chunks, content_type="application/octet-stream")

    async def changes(self, request: Request) -> Reply:
        found = await self._changes.of(request.params["name"])
        return json_response([{"Path": path, "Kind": kind} for kind, path in found] or None)

    async def commit(self, request: Request) -> Reply:
        body = await request.json()
        wanted = CommitRequest(
            container=request.text("container"),
            repo=request.text("repo"),
            tag=request.text("tag"),
            author=request.text("author"),
            comment=request.text("comment"),
            changes=tuple(line for text in request.texts("changes") for line in text.splitlines() if line.strip()),
            pause=request.flag("pause", default=True),
            config=schema.parse(Fields(body, "Config")) if body else None,
        )
        return json_response({"Id": await self._committer.commit(wanted)}, 201)


def _path(request: Request) -> str:
    path = request.word("path")
    if not path:
        raise InvalidParameter("bad parameter: pathcannot be empty")
    return path


def _stat_header(found: Mapping[str, Any]) -> tuple[str, str]:
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")
    return "X-Docker-Container-Path-Stat", base64.b64encode(text).decode()


def routes(copier: Copier, changes: Changes, committer: Committer) -> list[Route]:
    handlers = FileRoutes(copier, changes, committer)
    return [
        Route("HEAD", "/containers/{name}/archive", handlers.stat),
        Route("GET", "/containers/{name}/archive", handlers.archive),
        Route("PUT", "/containers/{name}/archive", handlers.extract),
        Route("GET", "/containers/{name}/export", handlers.export),
        Route("GET", "/containers/{name}/changes", handlers.changes),
        Route("POST", "/commit", handlers.commit, finish=True),
    ]
