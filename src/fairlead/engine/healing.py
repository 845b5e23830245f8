"""Devices of running containers, put back when somebody else took them away: by events, and by `network reload`.

The kernel's notices only raise suspicion; what there is to do is found out by comparing with the records, under the
container's lock. (Rules are restored below us, at once: network/repair.py.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator

from fairlead.engine.connect import Connector
from fairlead.engine.registry import Registry
from fairlead.engine.tasks import Tasks
from fairlead.engine.topology import Topology
from fairlead.errors import EngineError
from fairlead.model.container import Container, Endpoint, Status
from fairlead.model.network import Network
from fairlead.network.controller import Controller
from fairlead.network.notices import Damage
from fairlead.network.pace import Pace

log = logging.getLogger(__name__)

_LONGEST_S = 60
_WITH_NETWORK = (Status.RUNNING, Status.PAUSED)


class Healer:
    def __init__(
        self, tasks: Tasks, registry: Registry, topology: Topology, connector: Connector, controller: Controller
    ) -> None:
        self._tasks = tasks
        self._registry = registry
        self._topology = topology
        self._connector = connector
        self._controller = controller
        self._pace = Pace()
        self._due: set[str] = set()
        self._failures: dict[str, int] = {}
        """How often in a row something could not be mended: its parent may be a card that was pulled out."""

    def begin(self) -> None:
        """From now on."""
        self._tasks.create_task(self._run(), name="healing of networks")
        self._tasks.create_task(self._controller.firewalld.follow(), name="firewalld")

    async def reload(self, ref: str | None) -> list[str]:
        """Rules, and all there is of one network or of each; returns their names."""
        networks = [self._topology.get(ref)] if ref else sorted(self._topology, key=lambda network: network.created)
        self._controller.repair.reload()
        errors = await self._mend_networks(networks) + await self._mend_containers(networks, frozenset())
        if errors:
            raise errors[0]
        return [network.name for network in networks]

    async def _run(self) -> None:
        """First what was broken while there was no daemon; networks themselves were made again at its start."""
        for error in await self._mend_containers(self._topology, frozenset()):
            log.warning("%s", error.message)
        while True:
            damage = await self._controller.repair.damage()
            found = self._real(damage)
            if found:
                self._tasks.create_task(self._heal(found), name=f"healing of {', '.join(sorted(found.devices))}")

    def _real(self, damage: Damage) -> Damage:
        """What is meant to be there, and is not being mended already."""
        meant = {network.bridge or network.parent for network in self._topology}
        meant |= {self._device(end) for _, end in self._endpoints()}
        everything = damage.everything if damage.everything not in self._due else ""
        return Damage((damage.devices & meant) - self._due, everything)

    async def _heal(self, damage: Damage) -> None:
        due = damage.devices | ({damage.everything} if damage.everything else frozenset())
        now = asyncio.get_running_loop().time()
        wait_s = max(self._pace.wait(name, now) for name in due)
        self._due |= due
        try:
            await asyncio.sleep(wait_s)
        finally:
            self._due -= due
        errors = await self._mend(damage)
        log.warning("somebody changed %s: %s", ", ".join(sorted(due)), "mended" if not errors else errors[0].message)
        for name in due:
            tries = self._failures.pop(name, 0) + 1
            if errors:
                self._failures[name] = tries
        if errors:
            again_s = min(2 ** max(self._failures[name] for name in due), _LONGEST_S)
            asyncio.get_running_loop().call_later(again_s, self._controller.repair.suspect, damage)

    async def _mend(self, damage: Damage) -> list[EngineError]:
        hit = [n for n in self._topology if damage.everything or (n.bridge or n.parent) in damage.devices]
        around = {end.network_id for _, end in self._endpoints() if self._device(end) in damage.devices}
        errors = await self._mend_networks([n for n in self._topology if n in hit or n.id in around])
        return errors + await self._mend_containers(hit, damage.devices)

    async def _mend_networks(self, networks: Iterable[Network]) -> list[EngineError]:
        errors: list[EngineError] = []
        for network in networks:
            await asyncio.sleep(0)  # others get their turn in between
            if self._topology.by_id(network.id) is not None:
                try:
                    self._controller.mend_network(network)
                    self._controller.repair.mend_routes(network)
                except EngineError as error:
                    errors.append(error)
        return errors

    def _endpoints(self) -> Iterator[tuple[Container, Endpoint]]:
        """Those that have devices."""
        for container in self._registry:
            if container.state.status in _WITH_NETWORK:
                for end in container.endpoints:
                    yield container, end

    def _device(self, end: Endpoint) -> str:
        return self._controller.repair.device_of(end)

    async def _mend_containers(self, networks: Iterable[Network], devices: frozenset[str]) -> list[EngineError]:
        """The endpoints on these networks, and those of these devices."""
        hit = {network.id for network in networks}
        chosen = {
            container.id
            for container, end in self._endpoints()
            if end.network_id in hit or self._device(end) in devices
        }
        results = await asyncio.gather(*map(self._mend_container, chosen))
        return [error for error in results if error is not None]

    async def _mend_container(self, container_id: str) -> EngineError | None:
        await asyncio.sleep(0)
        async with self._registry.lock(container_id):
            now = self._registry.by_id(container_id)
            if now is None or now.state.status not in _WITH_NETWORK:
                return None
            try:
                self._connector.mend(now)
            except EngineError as error:
                return error
        return None
