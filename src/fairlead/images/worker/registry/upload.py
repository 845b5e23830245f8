"""One blob to a registry: told to be there already, mounted from another repository, or made again and sent.

A layer's tar is replayed from recipe and tree, compressed and hashed on its way; its diff id is checked before the
registry is told to keep what it got.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from fairlead.images.worker import children, recipe, zlibs
from fairlead.images.worker.registry import documents, failure, http
from fairlead.images.worker.registry.documents import Descriptor
from fairlead.images.worker.registry.download import Patience, persist
from fairlead.images.worker.registry.failure import Failure
from fairlead.images.worker.registry.http import Remote

_CHUNK = 1 << 18
_INTERVAL_S = 0.1
_LEVEL = 5
"""Of zlib-ng: a fiftieth more bytes than zlib's 6, and three fifths of the time of its own 6 (decisions/0045)."""
_OCTETS = {"Content-Type": "application/octet-stream"}
Say = Callable[[Mapping[str, Any]], None]


def run(remote: Remote, command: Mapping[str, Any], patience: Patience, say: Say) -> dict[str, Any]:
    """`known`: [{digest, size_bytes, repository}] of the same layer; else `tree`, `recipe`, `diff_id`; or `data`.
    `plain`: the tar as it is."""
    job = command["job"]
    for blob in command.get("known", ()):
        if blob["repository"] == remote.repository and _exists(remote, blob["digest"]):
            return {"digest": blob["digest"], "size": blob["size_bytes"], "how": "exists"}
    for blob in command.get("known", ()):
        if blob["repository"] != remote.repository and _mounted(remote, blob["digest"], blob["repository"]):
            return {"digest": blob["digest"], "size": blob["size_bytes"], "how": "mounted", "from": blob["repository"]}
    out: list[dict[str, Any]] = []

    def once() -> None:
        out.append(_bytes(remote, command) if "data" in command else _layer(remote, command, say))

    persist(once, lambda: 0, patience, lambda s: say({"job": job, "now": "waits", "seconds": round(s) or 1}))
    return out[0]


def _exists(remote: Remote, digest: str) -> bool:
    response = remote.request("HEAD", remote.url(f"blobs/{digest}"), ok=(200, 404))
    response.release_conn()
    return response.status == 200


def _mounted(remote: Remote, digest: str, source: str) -> bool:
    """A registry that cannot mount opens an upload instead, which is given up."""
    url = remote.url(f"blobs/uploads/?mount={quote(digest)}&from={quote(source)}")
    try:
        response = remote.request("POST", url, body=b"", ok=(201, 202))
    except Failure as error:
        if error.kind == failure.UNREACHABLE:
            raise
        return False
    http.read(response, _CHUNK)
    if response.status == 201:
        return True
    location = response.headers.get("Location")
    if location:
        remote.request("DELETE", urljoin(url, location), ok=(200, 202, 204, 404, 405)).release_conn()
    return False


def _bytes(remote: Remote, command: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration."""
    data = base64.b64decode(command["data"])
    digest = documents.digest_of(data)
    if not _exists(remote, digest):
        target = _with(_open(remote), f"digest={quote(digest)}")
        http.read(remote.request("PUT", target, headers=_OCTETS, body=data, ok=(201, 204)), _CHUNK)
    return {"digest": digest, "size": len(data), "how": "pushed"}


def _open(remote: Remote) -> str:
    """The address of a new upload."""
    url = remote.url("blobs/uploads/")
    response = remote.request("POST", url, body=b"", ok=(202,))
    http.read(response, _CHUNK)
    return _location(url, response.headers.get("Location"))


def _location(url: str, location: str | None) -> str:
    if not location:
        raise Failure("registry names no place for an upload", failure.REFUSED)
    target = urljoin(url, location)
    if url.startswith("https:") and not target.startswith("https:"):
        raise Failure(f"registry wants uploads without TLS: {target}", failure.REFUSED)
    return target


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _layer(remote: Remote, command: Mapping[str, Any], say: Say) -> dict[str, Any]:
    reader, writer = os.pipe()

    def replay() -> dict[str, Any]:
        os.close(reader)
        size = recipe.replay(Path(command["recipe"]), Path(command["tree"]), lambda data: children.write(writer, data))
        return {"size": size}

    url = _open(remote)  # before the child: it may have to ask for a token
    child = children.Asked(replay)
    os.close(writer)
    job = command["job"]
    tar = _Tar(reader, command["plain"], lambda current: say({"job": job, "now": "pushing", "current": current}))
    try:
        response = remote.request("PATCH", url, headers=_OCTETS, body=tar.compressed(), ok=(202,))
        http.read(response, _CHUNK)
    finally:
        os.close(reader)
        answer = child.answer()
    if not answer or tar.diff_id != command["diff_id"]:
        raise Failure(f"layer {command['diff_id']} is damaged on disk")
    target = _with(_location(url, response.headers.get("Location")), f"digest={quote(tar.digest)}")
    http.read(remote.request("PUT", target, body=b"", ok=(201, 204)), _CHUNK)
    return {"digest": tar.digest, "size": tar.size, "how": "pushed"}


class _Tar:
    """Reads a tar from a pipe and gives it compressed; afterwards it knows both digests."""

    def __init__(self, fd: int, plain: bool, tell: Callable[[int], None]) -> None:
        self._fd = fd
        self._plain = plain
        self._tell = tell
        self._inner = hashlib.sha256()
        self._outer = hashlib.sha256()
        self.size = 0

    @property
    def diff_id(self) -> str:
        return "sha256:" + self._inner.hexdigest()

    @property
    def digest(self) -> str:
        return "sha256:" + self._outer.hexdigest()

    def compressed(self) -> Iterator[bytes]:
        library = zlibs.best()
        deflate = library.compressobj(_LEVEL, library.DEFLATED, zlibs.GZIP)
        read, following = 0, 0.0
        while data := os.read(self._fd, _CHUNK):
            self._inner.update(data)
            read += len(data)
            if (now := time.monotonic()) >= following:
                following = now + _INTERVAL_S
                self._tell(read)
            yield from self._out(data if self._plain else deflate.compress(data))
        yield from self._out(b"" if self._plain else deflate.flush())

    def _out(self, data: bytes) -> Iterator[bytes]:
        if data:
            self._outer.update(data)
            self.size += len(data)
            yield data


def manifest(remote: Remote, command: Mapping[str, Any], patience: Patience) -> dict[str, Any]:
    """The document that makes what was uploaded an image, under a tag: as it came, or made anew."""
    if "data" in command:
        data, media_type = base64.b64decode(command["data"]), command["media_type"]
    else:
        config = Descriptor(command["config"]["digest"], command["config"]["size"])
        layers = [Descriptor(blob["digest"], blob["size"], blob["media_type"]) for blob in command["layers"]]
        data, media_type = documents.render_manifest(config, layers, oci=command["oci"])

    def once() -> None:
        url = remote.url(f"manifests/{command['tag']}")
        headers = {"Content-Type": media_type}
        http.read(remote.request("PUT", url, headers=headers, body=data, ok=(200, 201, 202)), _CHUNK)

    persist(once, lambda: 0, patience, lambda _: None)
    return {"digest": documents.digest_of(data), "size": len(data)}
