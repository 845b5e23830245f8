"""Which addresses belong to which container, on each network: the pools in memory, written through to the store.

A lease goes by the container's name, so that a container re-created under it gets the same addresses again. A
container whose name was generated leases by its id: nobody will come back under that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address

from fairlead.model.container import Container
from fairlead.model.network import Network
from fairlead.network.ipam import Address, Pool
from fairlead.store.networks import NetworkStore

_ID_LENGTH = 64


class Leases:
    def __init__(self, store: NetworkStore) -> None:
        self._store = store
        self._pools: dict[tuple[str, int], Pool] = {}

    def allocate(
        self, network: Network, container: Container, requested: IPv4Address | None = None
    ) -> IPv4Interface | None:
        """The container's IPv4 address: the one it had, the one it asks for, or a free one; None without IPv4."""
        if network.subnet is None:
            return None
        return IPv4Interface((self._allocate(network, container, 4, requested).packed, network.subnet.prefixlen))

    def allocate6(
        self, network: Network, container: Container, requested: IPv6Address | None = None
    ) -> IPv6Interface | None:
        if network.subnet6 is None:
            return None
        return IPv6Interface((self._allocate(network, container, 6, requested).packed, network.subnet6.prefixlen))

    def _allocate(self, network: Network, container: Container, version: int, requested: Address | None) -> Address:
        lease, _ = self._pool(network, version).allocate(_key(container), requested=requested)
        self._store.save_lease(lease)
        return lease.address

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
        for version in (4, 6):
            self._pools.pop((network.id, version), None)

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
        if network.subnet is not None:
            yield self._pool(network, 4)
        if network.subnet6 is not None:
            yield self._pool(network, 6)

    def _pool(self, network: Network, version: int) -> Pool:
        pool = self._pools.get((network.id, version))
        if pool is None:
            pool = self._pools[network.id, version] = self._made(network, version)
        return pool

    def _made(self, network: Network, version: int) -> Pool:
        subnet = network.subnet if version == 4 else network.subnet6
        assert subnet is not None
        return Pool(
            network.id,
            subnet,
            name=network.name,
            gateway=network.gateway if version == 4 else network.gateway6,
            ip_range=network.ip_range if version == 4 else network.ip_range6,
            reserved=[a for a in map(ip_address, network.aux_addresses.values()) if a.version == version],
            leases=[lease for lease in self._store.leases(network.id) if lease.address in subnet],
        )


def _key(container: Container) -> str:
    return container.id if container.generated_name else container.name
