"""Which address belongs to which container, on each network: the pools in memory, written through to the store.

A lease goes by the container's name, so that a container re-created under it gets the same address again. A container
whose name was generated leases by its id: nobody will come back under that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Interface

from fairlead.errors import SystemFailure
from fairlead.model.container import Container
from fairlead.model.network import Network
from fairlead.network.ipam import Pool
from fairlead.store.networks import NetworkStore

_ID_LENGTH = 64


class Leases:
    def __init__(self, store: NetworkStore) -> None:
        self._store = store
        self._pools: dict[str, Pool] = {}

    def allocate(self, network: Network, container: Container, requested: IPv4Address | None = None) -> IPv4Interface:
        """The container's address: the one it had, the one it asks for, or a free one."""
        lease, _ = self._pool(network).allocate(_key(container), requested=requested)
        self._store.save_lease(lease)
        return IPv4Interface(f"{lease.address}/{self._subnet_bits(network)}")

    def release(self, network: Network, container: Container) -> None:
        """The container is gone. A given name keeps the address as long as nobody else needs it."""
        if network.subnet is None:
            return
        keep = not container.generated_name
        self._pool(network).release(_key(container), keep=keep)
        if keep:
            self._store.keep_lease(network.id, _key(container))
        else:
            self._store.delete_lease(network.id, _key(container))

    def rename(self, network: Network, before: Container, after: Container) -> None:
        """The address follows the container to its new name."""
        if network.subnet is None:
            return
        moved = self._pool(network).rename(_key(before), _key(after))
        self._store.delete_lease(network.id, _key(before))
        if moved is not None:
            self._store.save_lease(moved)

    def forget(self, network: Network) -> None:
        """The network is gone."""
        self._pools.pop(network.id, None)

    def reconcile(self, network: Network, containers: Iterable[Container]) -> None:
        """At the daemon's start: leases held by containers that are no more are let go."""
        keys = {_key(container) for container in containers}
        for lease in self._store.leases(network.id):
            if lease.held and lease.name not in keys:
                if len(lease.name) == _ID_LENGTH:
                    self._store.delete_lease(network.id, lease.name)
                else:
                    self._store.keep_lease(network.id, lease.name)

    def _pool(self, network: Network) -> Pool:
        pool = self._pools.get(network.id)
        if pool is None:
            if network.subnet is None:
                raise SystemFailure(f"network {network.name} has no addresses to give")
            pool = self._pools[network.id] = Pool(
                network.id,
                network.subnet,
                gateway=network.gateway,
                ip_range=network.ip_range,
                reserved=_addresses(network),
                leases=[lease for lease in self._store.leases(network.id) if lease.address in network.subnet],
            )
        return pool

    def _subnet_bits(self, network: Network) -> int:
        return network.subnet.prefixlen if network.subnet is not None else 32


def _addresses(network: Network) -> list[IPv4Address]:
    """What `--aux-address` keeps for others."""
    found = []
    for text in network.aux_addresses.values():
        try:
            found.append(IPv4Address(text))
        except AddressValueError:
            continue
    return found


def _key(container: Container) -> str:
    return container.id if container.generated_name else container.name
