"""The error kinds that every layer raises: kinds, not nouns.

A kind says how the caller should take it; `api/errors.py` is the only place that maps a kind to an
HTTP status. Messages that Docker defines are copied to the letter, since clients match on them.
"""

from __future__ import annotations

NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
"""Docker's word for what only a cluster's manager does."""


class EngineError(Exception):
    """Base of all errors that carry a message meant for the client."""

    @property
    def message(self) -> str:
        return str(self.args[0]) if self.args else type(self).__name__


class NotFound(EngineError):
    """The named thing does not exist (404)."""


class Conflict(EngineError):
    """The request contradicts the state of things (409)."""


class InvalidParameter(EngineError):
    """The request itself is wrong; nothing was touched (400)."""


class Unauthorized(EngineError):
    """Credentials are missing or wrong (401)."""


class Forbidden(EngineError):
    """Understood and refused (403)."""


class NotModified(EngineError):
    """Already so: a running container started, a stopped one stopped (304)."""


class Unimplemented(EngineError):
    """Known to Docker's API, not offered by this engine (501)."""


class Unavailable(EngineError):
    """Not now, or not in this kind of engine (503)."""


class SystemFailure(EngineError):
    """The host or the kernel refused (500)."""
