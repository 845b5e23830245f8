"""The host and the engine upon it, as values: what the kernel can limit, which programs there are, what is going on."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairlead.model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the kernel's cgroups can limit."""

    cgroup_version: int = 2
    memory: bool = True
    memory_reservation: bool = True
    swap: bool = True
    swappiness: bool = False
    oom_kill_disable: bool = False
    kernel_memory_tcp: bool = False
    cpu_shares: bool = True
    cpu_quota: bool = True
    realtime: bool = False
    cpuset: bool = True
    pids: bool = True
    block_io_weight: bool = True
    block_io_rates: bool = True
    cpus: str = "0"
    memory_nodes: str = "0"


@dataclass(frozen=True, slots=True)
class Program:
    """One of the programs that we start. `role`: runtime, monitor, init."""

    role: str
    path: str
    version: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What /info and /version tell of this engine."""

    id: str = ""
    """Of the engine: a UUID that lasts as long as its data root."""
    containers: int = 0
    running: int = 0
    paused: int = 0
    images: int = 0
    open_files: int = 0
    tasks: int = 0
    event_listeners: int = 0
    ip_forwarding: bool = True
    journald: bool = False
    features: Features = Features()
    programs: tuple[Program, ...] = ()
    settings: Settings = field(default_factory=Settings)
    storage: tuple[tuple[str, str], ...] = ()
    """What the storage driver says of itself."""
