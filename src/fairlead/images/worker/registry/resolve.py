"""What is asked of a registry besides layers: manifest and configuration of an image, tags, and whether it is one."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from fairlead.images.worker.registry import documents, failure, http
from fairlead.images.worker.registry.documents import Descriptor, Manifest, Platform, digest_of
from fairlead.images.worker.registry.download import Download, Patience, persist
from fairlead.images.worker.registry.failure import Failure
from fairlead.images.worker.registry.http import Remote

T = TypeVar("T")
_PAGES, _TAGS = 1000, 100_000
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def look(remote: Remote, reference: str, patience: Patience) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """What there is under a tag or a digest: its description, and the document, also as it is."""
    data, content_type = _patiently(lambda: _get(remote, reference), patience)
    digest = digest_of(data)
    if ":" in reference and digest != reference:
        raise Failure(f"manifest verification failed for digest {reference}", failure.REFUSED)
    document, media_type = documents.kind(data, content_type)
    found = {"digest": digest, "size": len(data), "media_type": media_type, "platforms": None}
    if media_type in documents.INDEXES:
        found["platforms"] = documents.offered(document)
    return found, document, data


def manifest(remote: Remote, reference: str, platform: Mapping[str, str], patience: Patience) -> dict[str, Any]:
    """The image under a tag or a digest; of an index, the one for the platform."""
    top, document, data = look(remote, reference, patience)
    inner = top
    if top["media_type"] in documents.INDEXES:
        chosen = documents.choose(document, Platform(**platform))
        inner, document, data = look(remote, chosen.digest, patience)
        if inner["media_type"] in documents.INDEXES or inner["size"] != chosen.size:
            raise Failure(f"manifest {chosen.digest} is not what the index says", failure.REFUSED)
    kept = {key: inner[key] for key in ("digest", "media_type")} | {"data": base64.b64encode(data).decode()}
    return {**top, **_render(documents.parse_manifest(document)), "manifest": kept}


def _render(found: Manifest) -> dict[str, Any]:
    return {
        "config": {"digest": found.config.digest, "size": found.config.size},
        "layers": [{"digest": x.digest, "size": x.size, "media_type": x.media_type} for x in found.layers],
    }


def _get(remote: Remote, reference: str) -> tuple[bytes, str]:
    response = remote.request("GET", remote.url(f"manifests/{reference}"), headers={"Accept": documents.ACCEPTED})
    return http.read(response, documents.MANIFEST_LIMIT), response.headers.get("Content-Type", "")


def _patiently(work: Callable[[], T], patience: Patience) -> T:
    """`work`, again after a failure that may pass. That nobody answers is left to the next endpoint."""
    out: list[T] = []

    def once() -> None:
        try:
            out.append(work())
        except Failure as error:
            error.retry = error.retry and error.kind != failure.UNREACHABLE
            raise

    persist(once, lambda: 0, patience, lambda _: None)
    return out[0]


def document(remote: Remote, digest: str, size: int, patience: Patience) -> bytes:
    """A small blob: the configuration."""
    data = bytearray()
    blob = Descriptor(digest, size)
    Download(remote, blob, patience, write=data.extend, tell=lambda _: None, waits=lambda _: None).run()
    return bytes(data)


def tags(remote: Remote) -> list[str]:
    """All of them, over as many pages as it takes."""
    out: list[str] = []
    url = remote.url("tags/list?n=1000")
    for _ in range(_PAGES):
        answer, response = remote.json(url, limit=documents.MANIFEST_LIMIT)
        found = answer.get("tags") if isinstance(answer, dict) else None
        out += [str(tag) for tag in found or ()]
        following = _NEXT.search(response.headers.get("Link", ""))
        if not following or len(out) > _TAGS:
            return out
        url = urljoin(url, following[1])
        if not url.startswith(f"{remote.base}/"):
            raise Failure(f"registry's list of tags goes on at {url}, which is refused", failure.REFUSED)
    return out


def check(remote: Remote) -> dict[str, Any]:
    """Whether a registry is there and takes our credentials."""
    url = remote.url("/")
    try:
        response = remote.request("GET", url, ok=(200, 401))
    except Failure as error:
        if error.kind == failure.UNAUTHORIZED:
            raise Failure(f'Get "{url}": {error}', error.kind) from error
        raise
    response.close()
    if response.status == 401:
        text = f"login attempt to {url} failed with status: 401 Unauthorized"
        raise Failure(text, failure.UNAUTHORIZED)
    return {"token": remote.refresh_token}


def search(remote: Remote, term: str, limit: int) -> dict[str, Any]:
    """Docker Hub's search of old; other registries have none."""
    url = f"{remote.base}/v1/search?q={quote(term)}&n={limit}"
    try:
        answer, _ = remote.json(url, limit=documents.MANIFEST_LIMIT)
    except Failure as error:
        if error.kind in (failure.UNREACHABLE, failure.UNAUTHORIZED):
            raise
        raise Failure(f"registry {remote.base} offers no search: {error}", failure.MISSING) from error
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise Failure(f"registry {remote.base} offers no search", failure.MISSING)
    return {"results": answer["results"][:limit]}
