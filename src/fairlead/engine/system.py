"""The engine as a whole: what it is doing, on what kind of host, and how much room its things take."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Collection
from pathlib import Path

from fairlead.engine import listing
from fairlead.engine.events import Events
from fairlead.engine.images import Images
from fairlead.engine.registry import Registry
from fairlead.engine.usage import Usage
from fairlead.linux import files, mounts
from fairlead.model.container import Status
from fairlead.model.host import Facts, Program
from fairlead.model.request import DiskUsage
from fairlead.model.settings import Settings
from fairlead.runtime import journal, programs
from fairlead.runtime.runtime import Runtime

_FILE_SYSTEMS = {"ext4": "extfs", "ext3": "extfs", "ext2": "extfs", "overlay": "overlayfs"}
"""As Docker names them; the rest have the kernel's name."""


class System:
    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        images: Images,
        usage: Usage,
        runtime: Runtime,
        events: Events,
    ) -> None:
        self.settings = settings
        """Those that hold now: a reload exchanges them."""
        self._registry = registry
        self._images = images
        self._usage = usage
        self._runtime = runtime
        self._events = events
        self._programs: tuple[Program, ...] = ()
        self._id = ""

    def reload(self, settings: Settings) -> None:
        self.settings = settings
        self._events.other("daemon", "reload", self._identity(), name=os.uname().nodename)

    async def facts(self) -> Facts:
        statuses = [container.state.status for container in self._registry]
        paused = statuses.count(Status.PAUSED)
        return Facts(
            id=self._identity(),
            containers=len(statuses),
            running=sum(status.running for status in statuses) - paused,
            paused=paused,
            images=len(self._images.list(all=True, filters={})),
            open_files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            tasks=len(asyncio.all_tasks()),
            event_listeners=self._events.listeners,
            ip_forwarding=_text(Path("/proc/sys/net/ipv4/ip_forward")) == "1",
            journald=journal.available(),
            features=self._runtime.features,
            programs=await self.programs(),
            settings=self.settings,
            storage=self._storage(),
        )

    def _identity(self) -> str:
        """A UUID made once for a data root and kept in its `engine-id`, where Docker keeps its own."""
        path = self.settings.data_root / "engine-id"
        self._id = self._id or _text(path)
        if not self._id:
            self._id = str(uuid.uuid4())
            files.write_atomic(path, self._id, mode=0o600)
        return self._id

    async def programs(self) -> tuple[Program, ...]:
        """Asked once."""
        self._programs = self._programs or await programs.look()
        return self._programs

    async def df(self, kinds: Collection[str]) -> DiskUsage:
        return await self._usage.df(kinds, lambda container: listing.view(container, self._registry))

    def _storage(self) -> tuple[tuple[str, str], ...]:
        kind = mounts.file_system(self.settings.data_root)
        metacopy, redirect = (
            _text(Path("/sys/module/overlay/parameters", name)) in ("Y", "on") for name in ("metacopy", "redirect_dir")
        )
        return (
            ("Backing Filesystem", _FILE_SYSTEMS.get(kind, kind)),
            ("Supports d_type", "true"),  # or overlayfs would not have been mounted
            ("Using metacopy", str(metacopy).lower()),
            ("Native Overlay Diff", str(not metacopy and not redirect).lower()),
            ("userxattr", "false"),
        )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
