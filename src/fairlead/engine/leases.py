"""Which address belongs to which container, on each network: the pools in memory, written through to the store.

A lease goes by the container's name, so that a container re-created under it gets the same address again. A container
whose name was generated leases by its id: nobody will come back under that name.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from fairlead.model.container import Container
from fairlead.model.network import Lease, Network
from fairlead.network.ipam import Pool
from fairlead.store.networks import NetworkStore


class Leases:
    def __init__(self, store: NetworkStore) -> None:
        self._store = store
        self._pools: dict[str, Pool] = {}

    def allocate(self, network: Network, container: Container, requested: IPv4Address | None = None) -> IPv4Address:
        """The container's address: the one it had, the one it asks for, or a free one."""
        name = _key(container)
        address, _ = self._pool(network).allocate(name, requested=requested)
        self._store.save_lease(Lease(network.id, name, address, held=True))
        return address

    def release(self, network: Network, container: Container) -> None:
        """The container is gone. A given name keeps the address as long as nobody else needs it."""
        name, keep = _key(container), not container.generated_name
        address = self._pool(network).release(name, keep=keep)
        if keep and address is not None:
            self._store.save_lease(Lease(network.id, name, address, held=False))
        else:
            self._store.delete_lease(network.id, name)

    def rename(self, network: Network, before: Container, after: Container, address: IPv4Address) -> None:
        """The address follows the container to its new name."""
        pool = self._pool(network)
        pool.release(_key(before), keep=False)
        self._store.delete_lease(network.id, _key(before))
        pool.release(_key(after), keep=False)
        self.allocate(network, after, address)

    def forget(self, network: Network) -> None:
        self._pools.pop(network.id, None)

    def _pool(self, network: Network) -> Pool:
        pool = self._pools.get(network.id)
        if pool is None:
            if network.subnet is None or network.gateway is None:
                raise ValueError(f"network {network.name} has no addresses")
            leases = self._store.leases(network.id)
            pool = self._pools[network.id] = Pool(network.subnet, network.gateway, network.ip_range, leases)
        return pool


def _key(container: Container) -> str:
    return container.id if container.generated_name else container.name
