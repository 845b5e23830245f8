"""Where the engine's own work runs: tasks that outlive the request that began them. (daemon/supervise.py is one.)"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol


class Tasks(Protocol):
    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None) -> asyncio.Task[Any]: ...
