"""Addresses of one network: which to give to whom. Pure; the engine stores the leases.

A name keeps its address: while the container exists (held), and afterwards until the pool has no address left that
was never leased. Then the address that was let go first is taken away first. All operations are O(log n).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.model.network import Lease

Address = IPv4Address | IPv6Address


class Pool:
    """The addresses of a subnet but its first, its last, the gateway and reserved ones."""

    def __init__(
        self,
        network_id: str,
        subnet: IPv4Network | IPv6Network,
        *,
        name: str = "",
        gateway: Address | None = None,
        ip_range: IPv4Network | IPv6Network | None = None,
        reserved: Iterable[Address] = (),
        leases: Iterable[Lease] = (),
    ) -> None:
        self._network_id = network_id
        self._name = name
        self._subnet = subnet
        self._range = ip_range or subnet
        self._taken = {int(address) for address in reserved}
        self._taken |= {int(subnet.network_address), int(subnet.broadcast_address)}
        if gateway is not None:
            self._taken.add(int(gateway))
        self._blocked = frozenset(self._taken)
        self._leases: dict[str, Lease] = {}
        self._owners: dict[int, str] = {}
        self._kept: dict[str, None] = {}
        self._freed: list[int] = []
        self._next = int(self._range.network_address)
        for lease in leases:
            self._note(lease)

    def _note(self, lease: Lease) -> None:
        self._leases[lease.name] = lease
        self._owners[int(lease.address)] = lease.name
        self._taken.add(int(lease.address))
        if lease.held:
            self._kept.pop(lease.name, None)
        else:
            self._kept[lease.name] = None

    def knows(self, name: str) -> bool:
        """Whether it has an address here, held or kept."""
        return name in self._leases

    def allocate(self, name: str, *, requested: Address | None = None) -> tuple[Lease, Lease | None]:
        """An address for `name`, and the kept lease of another name that had to go for it, if any."""
        mine = self._leases.get(name)
        if mine is not None and (requested is None or requested == mine.address):
            lease = Lease(self._network_id, name, mine.address, True)
            self._note(lease)
            return lease, None
        if requested is not None:
            return self._allocate_requested(name, requested)
        number, lost = self._choose()
        lease = Lease(self._network_id, name, self._address(number), True)
        self._note(lease)
        return lease, lost

    def _address(self, number: int) -> Address:
        return IPv4Address(number) if self._subnet.version == 4 else IPv6Address(number)

    def _allocate_requested(self, name: str, address: Address) -> tuple[Lease, Lease | None]:
        number = int(address)
        if address not in self._subnet:
            raise InvalidParameter(f"no configured subnet or ip-range contain the IP address {address}")
        if number in self._blocked:
            raise SystemFailure("Address already in use")
        owner = self._owners.get(number)
        lost = self._leases[owner] if owner is not None else None
        if lost is not None and lost.held:
            raise SystemFailure("Address already in use")
        if lost is not None:
            self._drop(lost, reuse=False)
        if name in self._leases:
            self._drop(self._leases[name], reuse=True)
        lease = Lease(self._network_id, name, address, True)
        self._note(lease)
        return lease, lost

    def _choose(self) -> tuple[int, Lease | None]:
        while self._freed:
            number = heapq.heappop(self._freed)
            if number not in self._taken:
                return number, None
        last = int(self._range.broadcast_address)
        while self._next <= last:
            number = self._next
            self._next += 1
            if number not in self._taken:
                return number, None
        for name in self._kept:
            lost = self._leases[name]
            if lost.address in self._range:
                self._drop(lost, reuse=False)
                return int(lost.address), lost
        raise SystemFailure(
            f"no available IPv{self._subnet.version} addresses on this network's address pools: "
            f"{self._name} ({self._network_id})"
        )

    def _drop(self, lease: Lease, *, reuse: bool) -> None:
        number = int(lease.address)
        self._leases.pop(lease.name, None)
        self._owners.pop(number, None)
        self._kept.pop(lease.name, None)
        self._taken.discard(number)
        if reuse and int(self._range.network_address) <= number < self._next:
            heapq.heappush(self._freed, number)

    def release(self, name: str, *, keep: bool) -> None:
        """The name's container is gone; with `keep` its address waits for the next of that name."""
        lease = self._leases.get(name)
        if lease is None:
            return
        if keep:
            self._note(Lease(self._network_id, name, lease.address, False))
        else:
            self._drop(lease, reuse=True)

    def rename(self, name: str, new: str) -> Lease | None:
        """Moves a lease to another name; the new name's own kept lease is let go."""
        lease = self._leases.pop(name, None)
        if lease is None:
            return None
        other = self._leases.get(new)
        if other is not None:
            self._drop(other, reuse=True)
        self._kept.pop(name, None)
        moved = Lease(self._network_id, new, lease.address, lease.held)
        self._note(moved)
        return moved
