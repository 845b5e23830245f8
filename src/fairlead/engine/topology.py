"""The networks that exist: predefined bridge, host and none, and those of the user. Found by name, id or id prefix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from fairlead.errors import InvalidParameter, NotFound
from fairlead.model.network import Network
from fairlead.network.controller import Controller
from fairlead.store.networks import NetworkStore


class Topology:
    def __init__(self, store: NetworkStore) -> None:
        self._store = store
        self._networks: dict[str, Network] = {}

    def load(self, controller: Controller, instance: str) -> list[Network]:
        """Reads the store, adds what is predefined; returns what has a kernel bridge."""
        stored = {network.name: network for network in self._store.load()}
        default = controller.default_network(stored.get("bridge"))
        if stored.get("bridge") != default:
            self._store.save(default)
        for name, driver in (("host", "host"), ("none", "null")):
            stored[name] = Network(
                id=hashlib.sha256(f"{instance} {name}".encode()).hexdigest(),
                name=name, driver=driver, created=default.created, predefined=True,
            )  # fmt: skip
        stored["bridge"] = default
        self._networks = {network.id: network for network in stored.values()}
        return [network for network in self._networks.values() if network.driver == "bridge"]

    def __iter__(self) -> Iterator[Network]:
        return iter(list(self._networks.values()))

    def get(self, ref: str) -> Network:
        found = self._networks.get(ref) or next((n for n in self._networks.values() if n.name == ref), None)
        if found is not None:
            return found
        matches = [network for network in self._networks.values() if ref and network.id.startswith(ref)]
        if len(matches) > 1:
            raise InvalidParameter(f"network {ref} is ambiguous ({len(matches)} matches found based on ID prefix)")
        if not matches:
            raise NotFound(f"network {ref} not found")
        return matches[0]

    def by_id(self, network_id: str) -> Network | None:
        return self._networks.get(network_id)

    def add(self, network: Network) -> None:
        self._store.save(network)
        self._networks[network.id] = network

    def remove(self, network: Network) -> None:
        self._store.delete(network.id)
        del self._networks[network.id]


