"""What a registry refused, in Docker's words and of the kind that clients expect: a 404 where there is no image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fairlead.engine import streaming
from fairlead.errors import EngineError, NotFound, SystemFailure, Unauthorized
from fairlead.images.reference import Reference
from fairlead.images.transfers import Refusal

_NOBODY = "no basic auth credentials"


@contextmanager
def translated(words: Callable[[Refusal], EngineError]) -> Iterator[None]:
    """Around what asks a registry, many questions at a time perhaps: the first refusal counts."""
    try:
        yield
    except (Refusal, BaseExceptionGroup) as error:
        found = streaming.first(error)
        raise (words(found) if isinstance(found, Refusal) else found) from None


def of_pull(error: Refusal, ref: Reference) -> EngineError:
    text = str(error)
    match error.kind:
        case "denied":
            return NotFound(
                f"pull access denied for {ref.name}, repository does not exist or may require 'docker login': {text}"
            )
        case "missing":
            return NotFound(text if text.startswith("no matching") else f"manifest for {ref} not found: {text}")
        case "unnamed":
            return NotFound(f"repository {ref.name} not found: {text}")
        case "unauthorized":
            return NotFound(text)
    return _other(error)


def of_push(error: Refusal) -> EngineError:
    if str(error).endswith(_NOBODY):
        return SystemFailure(_NOBODY)
    return Unauthorized(str(error)) if error.kind in ("denied", "unauthorized") else _other(error)


def of_question(error: Refusal) -> EngineError:
    """Of `login`, `search` and looks at a manifest."""
    text = str(error)
    match error.kind:
        case "denied" | "unauthorized":
            return Unauthorized(text)
        case "missing" | "unnamed":
            return NotFound(text)
    return _other(error)


def _other(error: Refusal) -> EngineError:
    """A lie of the registry is no fault of the request: 500, as in Docker."""
    return SystemFailure(str(error))
