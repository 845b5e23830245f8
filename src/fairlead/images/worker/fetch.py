"""Downloads one file: ADD of a URL, and contexts that lie elsewhere. http and https, proxies from the environment."""

from __future__ import annotations

import email.utils
import hashlib
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from fairlead.images.worker.unpack import Refused

_CHUNK = 1 << 18
_TIMEOUT_S = 60
_LIMIT = 1 << 40


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """`url` → the file `path`; what the server said about it."""
    url = arguments["url"]
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise Refused(f"unsupported URL: {url}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(arguments["proxies"]))
    request = urllib.request.Request(url, headers={"User-Agent": "Fairlead", "Accept-Encoding": "identity"})
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            digest, size = _store(answer, arguments["path"])
            headers = answer.headers
            expected = headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        raise Refused(f"failed to GET {url} with status {error.code} {error.reason}: "
                      f"{error.read(1024).decode(errors='replace')}") from None  # fmt: skip
    except (OSError, ValueError) as error:
        raise Refused(f'Get "{url}": {_cause(url, getattr(error, "reason", error))}') from None
    if expected is not None and int(expected) != size:
        raise Refused(f'Get "{url}": unexpected EOF')
    stamp = _stamp(headers.get("Last-Modified"))
    os.utime(arguments["path"], (stamp, stamp))
    name = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path))
    return {
        "digest": digest,
        "name": name or os.path.basename(headers.get_filename() or ""),
        "text": _is_text(arguments["path"]),
        "size": size,
    }


def _cause(url: str, error: object) -> str:
    """In Go's words."""
    where = urllib.parse.urlsplit(url)
    host = where.netloc if where.port else f"{where.netloc}:{443 if where.scheme == 'https' else 80}"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {where.hostname}: no such host"
    if isinstance(error, TimeoutError):
        return f"dial tcp {host}: i/o timeout"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return f"dial tcp {host}: connect: {error.strerror.lower()}"
    return str(error)


def _store(answer: Any, path: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        while data := answer.read(_CHUNK):
            digest.update(data)
            size += len(data)
            if size > _LIMIT:
                raise Refused("the file is too large")
            file.write(data)
    return digest.hexdigest(), size


def _is_text(path: str) -> bool:
    """As Go tells text from archives, whatever the server calls it: by bytes that no text has."""
    with open(path, "rb") as file:
        head = file.read(512)
    return not any(byte < 9 or byte in (11, *range(14, 27), *range(28, 32)) for byte in head)


def _stamp(text: str | None) -> float:
    """The time that the server gives, or the epoch."""
    if not text:
        return 0.0
    try:
        return min(email.utils.parsedate_to_datetime(text).timestamp(), time.time())
    except ValueError:
        return 0.0
