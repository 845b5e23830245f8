"""Puts back what somebody else took away: the tables at once, here; of devices it learns and tells (engine/healing.py).

Our own changes come from one socket, which the watch does not hear; what is loaded here, through the nft library's own
socket, is heard and skipped. All of it concerns our own tables and devices only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from fairlead.errors import SystemFailure
from fairlead.model.container import Endpoint
from fairlead.model.network import Network
from fairlead.network import anchor, endpoint, firewall, firewalld, libnftables, nft
from fairlead.network.firewalld import Firewalld
from fairlead.network.netlink import Netlink
from fairlead.network.notices import Damage, DeviceWatch, RuleWatch
from fairlead.network.pace import Pace
from fairlead.network.sandbox import Sandbox

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_AGAIN_S = 1.0


class Repair:
    """Open once the tables are loaded. `bridges`: name → index of those that are in use at each moment;
    `is_parent` tells of a device that is no bridge whether endpoints stand upon it."""

    def __init__(
        self, instance: str, tables: nft.Tables, link: Netlink, bridges: Mapping[str, int],
        is_parent: Callable[[str], bool], neighbour: Firewalld,
    ) -> None:  # fmt: skip
        self._instance = instance
        self._prefix = endpoint.veth_prefix(instance)
        self._tables = tables
        self._link = link
        self._bridges = bridges
        self._is_parent = is_parent
        self._anchor = anchor.Anchor(anchor.name(instance))
        self._rules = RuleWatch(
            tables.table, tables.port, self._touched, neighbour=firewalld.TABLE, appeared=neighbour.touched
        )
        self._devices = DeviceWatch(self._ours)
        self._pace = Pace()
        self._timer: asyncio.TimerHandle | None = None
        tables.on_loss = self.reload

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._tables.on_loss = None
        self._devices.close()
        self._rules.close()
        self._anchor.close()

    async def damage(self) -> Damage:
        """Waits until devices of ours may be damaged."""
        return await self._devices.damage()

    def suspect(self, damage: Damage) -> None:
        self._devices.suspect(damage)

    def _ours(self, device: str) -> bool:
        return device in self._bridges or device.startswith(self._prefix) or self._is_parent(device)

    def _touched(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait_s = self._pace.wait("rules", loop.time())
            if wait_s:
                self._timer = loop.call_later(wait_s, self._restore)
            else:
                self._restore()

    def _restore(self) -> None:
        self._timer = None
        try:
            self.reload()
        except SystemFailure as error:
            log.error("somebody changed the nftables tables %s: %s", self._tables.table, error.message)
            self._timer = asyncio.get_running_loop().call_later(_AGAIN_S, self._restore)
        else:
            log.warning("somebody changed the nftables tables %s: restored", self._tables.table)

    def reload(self) -> None:
        """The tables as they are meant to be, in one transaction: connections that are open go on."""
        text = firewall.ruleset(self._tables.table, self._prefix)
        text += firewall.render(self._tables.table, self._tables.held)
        for _ in range(_ATTEMPTS):
            self._rules.skip()
            libnftables.load(text)
            if self._rules.skip() <= 1:
                return  # ours was the only transaction: nobody came between

    # -- devices ---------------------------------------------------------------------------------

    def device_of(self, end: Endpoint) -> str:
        """The host's end of an endpoint on a bridge network."""
        return endpoint.veth_name(self._instance, end.id)

    def mend_routes(self, network: Network) -> None:
        """To the network's subnets."""
        if network.bridge in self._bridges:
            endpoint.mend_bridge(self._link, network, self._bridges[network.bridge])

    def mend_endpoint(self, network: Network, end: Endpoint) -> bool:
        """The host's side of an endpoint; False if its devices are gone and have to be made anew."""
        bridge = self._bridges[network.bridge]
        return endpoint.mend(self._link, network, end, instance=self._instance, bridge=bridge)

    def uproot(self, box: Sandbox, end: Endpoint) -> None:
        """The container's end goes too, where the host's was not deleted but moved out of sight."""
        endpoint.uproot(box, end)
