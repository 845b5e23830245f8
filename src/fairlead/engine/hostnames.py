"""The host finds containers: `db.fairlead` for the host's own programs, by a block in its hosts file. Opt-in.

A name is there as long as its container's network is, on networks on which the host can reach it. Whatever the
daemon's end, the next one writes the block anew, or removes it if it is not wanted any more (docs/decisions/0043).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import EngineError
from fairlead.model.container import Container, Endpoint
from fairlead.model.settings import Settings
from fairlead.network import hostsblock

log = logging.getLogger(__name__)

DOMAIN = "fairlead"
_SOON_S, _LATEST_S = 0.01, 1.0


class HostNames:
    def __init__(self, settings: Settings, registry: Registry, topology: Topology) -> None:
        self._settings = settings
        self._registry = registry
        self._topology = topology
        self._due = False
        self._present: frozenset[str] = frozenset()

    def changed(self, present: frozenset[str]) -> None:
        """`present`: the containers whose networks are up. Several changes at once are one to the file."""
        self._present = present
        if self._settings.host_names and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self.write)

    def write(self, again_s: float = _SOON_S) -> None:
        """The block as it has to be now. What the host does not let us do is told to the log: containers run on."""
        self._due = False
        lines = sorted(self._lines()) if self._settings.host_names else []
        try:
            if not hostsblock.update(self._settings.hosts_file, self._settings.instance, lines):
                self._due = True
                asyncio.get_running_loop().call_later(again_s, self.write, min(2 * again_s, _LATEST_S))
        except EngineError as error:
            log.warning("host names: %s", error.message)

    def _lines(self) -> Iterator[str]:
        for container_id in self._present:
            container = self._registry.by_id(container_id)
            end = self._reachable(container) if container is not None else None
            if container is None or end is None:
                continue
            for address in (end.address, end.address6):
                if address is not None:
                    yield f"{address.ip}\t{container.name}.{DOMAIN}"

    def _reachable(self, container: Container) -> Endpoint | None:
        """The first endpoint on a network where the host has an address too."""
        for end in container.endpoints:
            network = self._topology.by_id(end.network_id)
            here = network is not None and not network.shares_device and (network.gateway or network.gateway6)
            if here and (end.address is not None or end.address6 is not None):
                return end
        return None
