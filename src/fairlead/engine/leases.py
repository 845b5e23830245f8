"""Which addresses belong to which container, on each network: the pools in memory, written through to the store.

A lease goes by the container's name, so that a container re-created under it gets the same addresses again. A
container whose name was generated leases by its id: nobody will come back under that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address

from fairlead.errors import SystemFailure
from fairlead.model.container import Container
from fairlead.model.network import Network, Segment
from fairlead.network.ipam import Address, Pool
from fairlead.store.networks import NetworkStore

_ID_LENGTH = 64


class Leases:
    def __init__(self, store: NetworkStore) -> None:
        self._store = store
        self._pools: dict[tuple[str, IPv4Network | IPv6Network], Pool] = {}

    def allocate(
        self, network: Network, container: Container, requested: IPv4Address | None = None
    ) -> IPv4Interface | None:
        """The container's IPv4 address: the one it had, the one it asks for, or a free one; None without IPv4."""
        found = self._allocate(network, container, 4, requested)
        return IPv4Interface((found[0].packed, found[1])) if found else None

    def allocate6(
        self, network: Network, container: Container, requested: IPv6Address | None = None
    ) -> IPv6Interface | None:
        found = self._allocate(network, container, 6, requested)
        return IPv6Interface((found[0].packed, found[1])) if found else None

    def _allocate(
        self, network: Network, container: Container, version: int, requested: Address | None
    ) -> tuple[Address, int] | None:
        """An address with its prefix: of the subnet where the container had one, else of the first that has one."""
        key, segments = _key(container), network.segments(version)
        if not segments:
            return None
        choice = [one for one in segments if requested in one.subnet] if requested is not None else list(segments)
        choice = choice or [segments[0]]  # which refuses it
        choice.sort(key=lambda one: not self._pool(network, one).knows(key))
        for segment in choice:
            try:
                lease, _ = self._pool(network, segment).allocate(key, requested=requested)
            except SystemFailure:
                if segment is choice[-1]:
                    raise
                continue
            for other in segments:
                if other is not segment:
                    self._pool(network, other).release(key, keep=False)
            self._store.save_lease(lease)
            return lease.address, segment.subnet.prefixlen
        return None

    def release(self, network: Network, container: Container) -> None:
        """The container is gone. A given name keeps the addresses as long as nobody else needs them."""
        keep = not container.generated_name
        for pool in self._pools_of(network):
            pool.release(_key(container), keep=keep)
        if keep:
            self._store.keep_lease(network.id, _key(container))
        else:
            self._store.delete_lease(network.id, _key(container))

    def rename(self, network: Network, before: Container, after: Container) -> None:
        """The addresses follow the container to its new name."""
        moved = [pool.rename(_key(before), _key(after)) for pool in self._pools_of(network)]
        self._store.delete_lease(network.id, _key(before))
        for lease in moved:
            if lease is not None:
                self._store.save_lease(lease)

    def forget(self, network: Network) -> None:
        """The network is gone."""
        for subnet in network.subnets:
            self._pools.pop((network.id, subnet), None)

    def reconcile(self, network: Network, containers: Iterable[Container]) -> None:
        """At the daemon's start: leases held by containers that are no more are let go."""
        keys = {_key(container) for container in containers}
        for lease in self._store.leases(network.id):
            if lease.held and lease.name not in keys:
                if len(lease.name) == _ID_LENGTH:
                    self._store.delete_lease(network.id, lease.name)
                else:
                    self._store.keep_lease(network.id, lease.name)

    def _pools_of(self, network: Network) -> Iterator[Pool]:
        for version in (4, 6):
            for segment in network.segments(version):
                yield self._pool(network, segment)

    def _pool(self, network: Network, segment: Segment) -> Pool:
        pool = self._pools.get((network.id, segment.subnet))
        if pool is None:
            pool = self._pools[network.id, segment.subnet] = self._made(network, segment)
        return pool

    def _made(self, network: Network, segment: Segment) -> Pool:
        return Pool(
            network.id,
            segment.subnet,
            name=network.name,
            gateway=segment.gateway,
            ip_range=segment.ip_range,
            reserved=[a for a in map(ip_address, network.aux_addresses.values()) if a in segment.subnet],
            leases=[lease for lease in self._store.leases(network.id) if lease.address in segment.subnet],
        )


def _key(container: Container) -> str:
    return container.id if container.generated_name else container.name
