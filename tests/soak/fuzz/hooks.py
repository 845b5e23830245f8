"""Loaded by schemathesis, in its own environment: the way to the daemon's socket, what a fault is, and names that
exist."""

from __future__ import annotations

import os
import socket
import zlib
from typing import Any

import schemathesis
from urllib3.connection import HTTPConnection

_KNOWN = {"containers": os.environ["FUZZ_CONTAINER"], "images": "box", "networks": "bridge", "volumes": "kept"}


def _connect(connection: HTTPConnection) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(20)
    made.connect(os.environ["FUZZ_SOCKET"])
    return made


HTTPConnection._new_conn = _connect  # type: ignore[method-assign]


@schemathesis.check
def no_fault_of_ours(ctx: Any, response: Any, case: Any) -> None:
    """500 is a fault, unless it tells of a registry that cannot be reached, as Docker does; 501 and 503 are answers."""
    if response.status_code == 500 and "dial tcp" not in response.text:
        raise AssertionError(f"500: {response.text[:300]}")


@schemathesis.serializer("application/x-tar")
def archive(ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


@schemathesis.hook
def map_path_parameters(ctx: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Two times in three what a path names is there. It is not deleted: the rest would have nothing to work on."""
    known = _KNOWN.get(ctx.operation.path.split("/")[1], "")
    if not path_parameters or not known or ctx.operation.method.upper() == "DELETE":
        return path_parameters
    return {
        name: known if name in ("id", "name") and zlib.crc32(repr(value).encode()) % 3 else value
        for name, value in path_parameters.items()
    }
