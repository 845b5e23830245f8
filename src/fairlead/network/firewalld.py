"""A firewalld beside us: our devices are in a zone of it that accepts, as Docker's are in its zone `docker`.

An accept of ours cannot lift the reject of firewalld's own chains: it alone can let our packets through. What may reach
a container is judged by our rules all the same. That it runs is told by its table in our network namespace, looked for
once at the start and then announced by the kernel: a host without it pays nothing, and no bus is asked. Names of
devices derive from ids, so two patterns stand for nearly all of them: no start of a container has to wait for it.
(docs/decisions/0044)
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Set
from typing import Any

from fairlead.errors import SystemFailure
from fairlead.linux import process

log = logging.getLogger(__name__)

TABLE = "firewalld"
ZONE, POLICY = "fairlead", "fairlead-forward"

_NAME, _PATH = "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1"
_AFTER_ZONES = "100"
"""Priority of our policy: what an administrator's zones deny stays denied."""
_AS_MEANT = ("ALREADY_ENABLED", "NAME_CONFLICT", "NOT_ENABLED", "ZONE_CONFLICT")
"""Refusals that leave things as we, or an administrator, want them."""
_ANSWER_S = 20
_START_S = 5
_SETTLE_S = 0.1
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
"""Between attempts: its table is there before it answers."""


class Firewalld:
    """`lasting`: devices that are to be in the zone whether we run or not; `named`: bridges with names of users."""

    def __init__(self, present: Callable[[], bool], lasting: Set[str], named: Callable[[], Set[str]]) -> None:
        self._present = present
        self._lasting = frozenset(lasting)
        self._named = named
        self._added: frozenset[str] = frozenset()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._told: set[str] = set()

    async def open(self) -> None:
        """Before the first container starts, but not for longer than a moment: what is left is done by `follow`."""
        if self._present():
            try:
                async with asyncio.timeout(_START_S):
                    await self._join()
            except (SystemFailure, TimeoutError):
                self._wake.set()

    def touched(self) -> None:
        """It came, was reloaded or started anew; or a bridge came or went."""
        self._wake.set()

    async def follow(self) -> None:
        """For ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_SETTLE_S)
            self._wake.clear()
            await self._insist()

    async def _insist(self) -> None:
        for wait_s in _WAITS_S:
            if not self._present():
                return
            try:
                await self._join()
            except SystemFailure as error:
                failure = error
                await asyncio.sleep(wait_s)
            else:
                return
        log.warning("containers may be cut off by firewalld: %s", failure.message)

    async def named_bridge(self) -> None:
        """A bridge came or went whose name no pattern covers."""
        if self._present():
            try:
                await self._join()
            except SystemFailure:
                self._wake.set()

    async def leave(self) -> None:
        """Our devices are no more; the zone stays, it may have become somebody's."""
        if not self._present():
            return
        try:
            async with asyncio.timeout(_START_S):
                for device in sorted(await self._held() or ()):
                    if device in self._lasting | self._added:
                        await self._zone("removeInterface", device)
                path = await self._lasting_zone()
                for device in sorted(self._lasting):
                    await self._call("config.zone", "removeInterface", "s", device, path=path)
        except (SystemFailure, TimeoutError) as error:
            log.warning("firewalld: %s", error)

    # -- what is done ----------------------------------------------------------------------------

    async def _join(self) -> None:
        async with self._turn:
            held, named = await self._held(), self._named()
            if held is None or not held >= self._lasting:
                await self._make_lasting()
            if held is None:
                log.info("firewalld: made the zone %s; it is reloaded, once, to know it", ZONE)
                await self._call("", "reload")
                held = await self._held() or frozenset()
            for device in sorted((self._lasting | named) - held):
                await self._add(device)
            for device in sorted(self._added - named):
                await self._zone("removeInterface", device)
            self._added = frozenset(named)

    async def _add(self, device: str) -> None:
        """One that an administrator has put into another zone stays there."""
        zone = (await self._call("zone", "getZoneOfInterface", "s", device))[0]
        if not zone:
            await self._zone("addInterface", device)
        elif zone != ZONE and device not in self._told:
            self._told.add(device)
            log.warning("firewalld: %s is in the zone %s, which decides what its containers reach", device, zone)

    async def _make_lasting(self) -> None:
        """Zone, policy and devices in its files: there is no moment without them when it starts or is reloaded."""
        zone = ("target", "s", "ACCEPT", "short", "s", "Fairlead", "description", "s", "Containers of Fairlead")
        await self._call("config", "addZone2", "sa{sv}", ZONE, "3", *zone)
        policy = (
            "target", "s", "ACCEPT", "priority", "i", _AFTER_ZONES,
            "ingress_zones", "as", "1", "ANY", "egress_zones", "as", "1", ZONE,
        )  # fmt: skip
        await self._call("config", "addPolicy", "sa{sv}", POLICY, "4", *policy)
        path = await self._lasting_zone()
        for device in sorted(self._lasting):
            await self._call("config.zone", "addInterface", "s", device, path=path)

    async def _lasting_zone(self) -> str:
        return str((await self._call("config", "getZoneByName", "s", ZONE))[0])

    async def _held(self) -> frozenset[str] | None:
        """The devices in our zone; None if firewalld does not know the zone."""
        zones = (await self._call("zone", "getZones"))[0]
        if ZONE not in zones:
            return None
        return frozenset((await self._call("zone", "getInterfaces", "s", ZONE))[0])

    async def _zone(self, method: str, device: str) -> None:
        await self._call("zone", method, "ss", ZONE, device)

    async def _call(self, interface: str, method: str, *arguments: str, path: str = "") -> list[Any]:
        """One method of firewalld's, by systemd's client for the bus."""
        where = path or (f"{_PATH}/config" if interface == "config" else _PATH)
        full = f"{_NAME}.{interface}" if interface else _NAME
        argv = [
            "busctl", "--system", "--json=short", "--auto-start=no", f"--timeout={_ANSWER_S}",
            "call", _NAME, where, full, method, *arguments,
        ]  # fmt: skip
        try:
            done = await process.run(argv, check=False, timeout_s=_ANSWER_S + 5)
        except (OSError, TimeoutError) as error:
            raise SystemFailure(f"ask firewalld: busctl: {error}") from error
        said = done.stderr.decode(errors="replace").strip()
        if done.exit_code and not any(word in said for word in _AS_MEANT):
            raise SystemFailure(f"ask firewalld: {method}: {said}")
        return list(json.loads(done.stdout)["data"]) if done.stdout.strip() and not done.exit_code else []
