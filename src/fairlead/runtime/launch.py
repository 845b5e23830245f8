"""Values at the runtime's door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """How a container's monitor is to be started. The bundle holds config.json already."""

    container_id: str
    bundle: Path
    log_path: Path | None
    terminal: bool = False
    stdin_open: bool = False
    stdin_once: bool = False
    log_max_size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Launched:
    pid: int
    monitor_pid: int
    monitor_start_ticks: int


@dataclass(frozen=True, slots=True)
class Exit:
    code: int
    oom_killed: bool
    finished_at: datetime
