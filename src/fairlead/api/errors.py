"""Error kind → HTTP status and Docker's error body: the only such table."""

from __future__ import annotations

import json

from fairlead.errors import (
    Conflict,
    EngineError,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotModified,
    SystemFailure,
    Unauthorized,
    Unavailable,
    Unimplemented,
)

_STATUS: dict[type[Exception], int] = {
    NotModified: 304,
    InvalidParameter: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    SystemFailure: 500,
    EngineError: 500,
    Unimplemented: 501,
    Unavailable: 503,
}


def status(error: BaseException) -> int:
    """The status of the nearest known kind among the error's classes; 500 for anything else."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def text(error: BaseException) -> str:
    """What the client is told. Unforeseen errors are named too: this is a local administrator's socket."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # a group says nothing of what happened
    if isinstance(error, EngineError):
        return error.message
    return f"{type(error).__name__}: {error}"


def body(message: str) -> bytes:
    return json.dumps({"message": message}, ensure_ascii=False).encode() + b"\n"
