"""One blob from a registry: hashed while it streams, resumed where it was cut, refused at the first wrong byte count.

What comes out of `stream` is not yet believed: only its end without an error says that all of it was right.
"""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from fairlead.images.worker.registry import failure
from fairlead.images.worker.registry.documents import Descriptor
from fairlead.images.worker.registry.failure import Failure
from fairlead.images.worker.registry.http import Remote

_PIECE = 1 << 18
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_GAIN = 1 << 16
"""Bytes after which a connection was worth its while, and the count of failures begins anew."""
_SLOWEST = 1 << 10
"""Bytes each second: less, over a whole time-out, is a connection that hangs."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\Z")


@dataclass(frozen=True, slots=True)
class Patience:
    attempts: int
    timeout_s: float


def persist(
    work: Callable[[], None], gained: Callable[[], int], patience: Patience, tell: Callable[[float], None]
) -> None:
    """Until `work` returns: again after a failure that may pass, later each time; `gained` counts what it got."""
    failures = 0
    while True:
        before = gained()
        try:
            return work()
        except Failure as error:
            gain = gained() - before
            failures = 1 if gain >= _GAIN else failures + 1
            if not error.retry or failures >= patience.attempts:
                raise
            wait = _FIRST_WAIT_S * 2 ** (failures - 1) * random.uniform(0.8, 1.2) if gain < _GAIN else 0.05
            wait = min(max(wait, error.after_s or 0.0), _LONGEST_WAIT_S)
            tell(wait)
            time.sleep(wait)


class Download:
    """`write` receives the bytes, `tell` how many there are so far, `waits` for how long it now waits."""

    def __init__(
        self, remote: Remote, blob: Descriptor, patience: Patience, *, write: Callable[[bytes], object],
        tell: Callable[[int], None], waits: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._remote = remote
        self._blob = blob
        self._patience = patience
        self._write = write
        self._tell = tell
        self._waits = waits
        self._hash = hashlib.sha256()
        self._got = 0

    def run(self) -> None:
        """Returns when every byte came and the digest is right."""
        persist(self._once, lambda: self._got, self._patience, self._waits)
        found = "sha256:" + self._hash.hexdigest()
        if found != self._blob.digest:
            raise Failure(f"filesystem layer verification failed for digest {self._blob.digest}", failure.REFUSED)

    def _once(self) -> None:
        if self._got == self._blob.size and self._got:
            return
        offset = self._got
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        url = self._remote.url(f"blobs/{self._blob.digest}")
        response = self._remote.request("GET", url, headers=headers, ok=(200, 206, 416))
        try:
            self._receive(response, self._skip(response, offset))
        except (HTTPError, OSError) as error:
            raise Failure("unexpected EOF", retry=True) from error
        finally:
            response.close()
        if self._got < self._blob.size:
            raise Failure("unexpected EOF", retry=True)

    def _skip(self, response: BaseHTTPResponse, offset: int) -> int:
        """How many bytes of this answer we have already; refuses lengths that are not the manifest's."""
        size = self._blob.size
        if response.status == 416:
            raise self._lie(f"it ends before byte {offset}")
        if response.status == 206:
            found = _RANGE.match(response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != offset or found[2] not in ("*", str(size)):
                raise self._lie(f"asked for what follows byte {offset}, got {response.headers.get('Content-Range')}")
            return 0
        length = response.headers.get("Content-Length")
        if length is not None and length.isdigit() and int(length) != size:
            raise self._lie(f"it has {length}")
        return offset

    def _receive(self, response: BaseHTTPResponse, skip: int) -> None:
        begun, received = time.monotonic(), 0
        while piece := response.read1(_PIECE):
            received += len(piece)
            if time.monotonic() - begun > self._patience.timeout_s:
                if received < _SLOWEST * self._patience.timeout_s:
                    raise Failure(f"registry sends less than {_SLOWEST} bytes per second", retry=True)
                begun, received = time.monotonic(), 0
            if skip:
                skip, piece = max(0, skip - len(piece)), piece[skip:]
            if self._got + len(piece) > self._blob.size:
                raise self._lie("there are more")
            self._hash.update(piece)
            self._got += len(piece)
            self._write(piece)
            self._tell(self._got)

    def _lie(self, what: str) -> Failure:
        return Failure(f"blob {self._blob.digest} should have {self._blob.size} bytes: {what}", failure.REFUSED)
