"""`import`: an image of one layer, from the tar of a root file system that the client sends or that lies at a URL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairlead.engine import changes
from fairlead.engine import platform as platforms
from fairlead.engine.build import context
from fairlead.engine.images import Images
from fairlead.errors import InvalidParameter
from fairlead.images import reference
from fairlead.images.layers import Unpacked
from fairlead.linux import files
from fairlead.model.container import Config
from fairlead.model.image import HistoryEntry
from fairlead.model.request import ImportRequest

Progress = AsyncIterator[Mapping[str, Any]]


async def run(images: Images, request: ImportRequest, body: AsyncIterator[bytes]) -> Progress:
    """What the request says is checked before anything is read."""
    name = request.repository
    if name:
        parsed = reference.parse(f"{name}:{request.tag}" if request.tag else name).tagged()
        if parsed.digest:
            raise InvalidParameter("cannot import digest reference")
        name = str(parsed)
    config = changes.apply(Config(), request.changes)
    system, architecture = platforms.parse(request.platform) if request.platform else ("", "")
    url = _url(request.source)
    if url:
        yield {"status": f"Downloading from {url}"}
    layer = await (_fetched(images, url) if url else images.layers.unpack(chunks=body))
    comment = request.message or f"Imported from {url or '-'}"
    image = images.child(None, config, HistoryEntry(created=datetime.now(UTC), comment=comment), layer.diff_id)
    image = replace(image, os=system or image.os, architecture=architecture or image.architecture)
    image = await images.put(image, layer)
    if name:
        images.name(image.id, name)
        images.noticed("tag", image.id, name)
    images.noticed("import", image.id, image.id)
    yield {"status": image.id}


def _url(source: str) -> str:
    if source == "-":
        return ""
    if not source:
        raise InvalidParameter("nothing to pull")
    url = source if "://" in source else f"http://{source}"
    if not url.startswith(("http://", "https://")):
        raise InvalidParameter(f"remoteURL ({source}) could not be recognized as URL")
    return url


async def _fetched(images: Images, url: str) -> Unpacked:
    # In a directory of the builder's kind: its sweep takes what a killed daemon leaves of it.
    work = Path(tempfile.mkdtemp(prefix=context.PREFIX, dir=images.layers.root))
    try:
        await context.fetch(images.layers.jobs, url, work / "remote")
        fd = os.open(work / "remote", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return await images.layers.unpack(stdin=fd)
        finally:
            os.close(fd)
    finally:
        files.remove_tree(work)
