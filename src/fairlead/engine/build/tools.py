"""What the parts of the builder share: the services they work with, how they speak, how a build fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.engine.containers import Containers
from fairlead.engine.images import Images
from fairlead.errors import EngineError
from fairlead.images.snapshots import Snapshots

Row = Mapping[str, Any]
Say = Callable[[str], Awaitable[None]]


class BuildFailed(EngineError):
    """A RUN step ended with an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Tools:
    images: Images
    snapshots: Snapshots
    containers: Containers


def in_red(text: str) -> str:
    """As Docker's builder sends what goes to its stderr."""
    return f"\x1b[91m{text}\x1b[0m"
