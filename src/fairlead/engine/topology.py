"""The networks that exist: predefined bridge, host and none, and those of the user. Found by name, id or id prefix.

Also which subnets they hold. Everything is an index: no verb gets slower by what is there.
"""

from __future__ import annotations

import hashlib
import socket
from bisect import bisect_left, insort
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from fairlead.errors import InvalidParameter, NotFound
from fairlead.model.network import Network
from fairlead.model.settings import Settings
from fairlead.network.controller import Controller
from fairlead.network.pools import Pools
from fairlead.store.networks import NetworkStore


class Topology:
    def __init__(self, store: NetworkStore, settings: Settings, controller: Controller) -> None:
        self._store = store
        self._settings = settings
        self._controller = controller
        self._networks: dict[str, Network] = {}
        self._ids: dict[str, str] = {}
        """Name → id."""
        self._sorted_ids: list[str] = []
        self._pools4 = Pools(settings.pools4, bits=32)
        self._pools6 = Pools(settings.pools6, bits=128)

    def load(self) -> list[Network]:
        """Reads the store, adds what is predefined; returns what has something in the kernel."""
        stored = self._store.load()
        former = next((network for network in stored if network.name == "bridge"), None)
        for network in stored:
            if network is not former:
                self._keep(network)
                self.claim(*_held(network))
        default = self._default(former)
        if former != default:
            self._store.save(default)
        self._keep(default)
        for name, driver in (("host", "host"), ("none", "null")):
            network_id = hashlib.sha256(f"{self._settings.instance} {name}".encode()).hexdigest()
            self._keep(
                Network(id=network_id, name=name, driver=driver, created=default.created, predefined=True)
            )
        return [network for network in self._networks.values() if network.driver not in ("host", "null")]

    def _default(self, former: Network | None) -> Network:
        """The network `bridge`, with subnets that were given, stored, or are chosen now."""
        chosen: set[IPv4Network | IPv6Network] = set()

        def choose() -> IPv4Network:
            chosen.add(subnet := self.choose_subnet())
            return subnet

        def choose6() -> IPv6Network:
            chosen.add(subnet := self.choose_subnet6())
            return subnet

        default = self._controller.default_network(former, choose=choose, choose6=choose6)
        self.claim(*(subnet for subnet in (default.subnet, default.subnet6) if subnet not in chosen))
        return default

    def __iter__(self) -> Iterator[Network]:
        return iter(list(self._networks.values()))

    def named(self, name: str) -> Network | None:
        return self._networks.get(self._ids.get(name, ""))

    def find(self, ref: str) -> Network | None:
        """By its whole id, or its name."""
        return self._networks.get(ref) or self.named(ref)

    def get(self, ref: str) -> Network:
        found = self.find(ref)
        if found is not None:
            return found
        at = bisect_left(self._sorted_ids, ref)
        matches = []
        while ref and at < len(self._sorted_ids) and self._sorted_ids[at].startswith(ref):
            matches.append(self._sorted_ids[at])
            at += 1
        if len(matches) > 1:
            raise InvalidParameter(f"network {ref} is ambiguous ({len(matches)} matches found based on ID prefix)")
        if not matches:
            raise NotFound(f"network {ref} not found")
        return self._networks[matches[0]]

    def by_id(self, network_id: str) -> Network | None:
        return self._networks.get(network_id)

    def add(self, network: Network) -> None:
        self._store.save(network)
        self._keep(network)

    def _keep(self, network: Network) -> None:
        self._networks[network.id] = network
        self._ids[network.name] = network.id
        insort(self._sorted_ids, network.id)

    def remove(self, network: Network) -> None:
        self._store.delete(network.id)
        del self._networks[network.id]
        del self._ids[network.name]
        del self._sorted_ids[bisect_left(self._sorted_ids, network.id)]
        self.give_back(*_held(network))

    # --- subnets ----------------------------------------------------------------------------------------------

    def choose_subnet(self) -> IPv4Network:
        """The next piece of the pools, held from now on."""
        subnet = self._pools4.allocate(self._controller.routed(socket.AF_INET))
        assert isinstance(subnet, IPv4Network)
        return subnet

    def choose_subnet6(self) -> IPv6Network:
        subnet = self._pools6.allocate(self._controller.routed(socket.AF_INET6))
        assert isinstance(subnet, IPv6Network)
        return subnet

    def claim(self, *subnets: IPv4Network | IPv6Network | None) -> None:
        """These very subnets; Docker's refusal if another network has one of them."""
        for subnet in subnets:
            if subnet is not None:
                self._pools(subnet).take(subnet)

    def give_back(self, *subnets: IPv4Network | IPv6Network | None) -> None:
        for subnet in subnets:
            if subnet is not None:
                self._pools(subnet).release(subnet)

    def _pools(self, subnet: IPv4Network | IPv6Network) -> Pools:
        return self._pools4 if subnet.version == 4 else self._pools6


def _held(network: Network) -> list[IPv4Network | IPv6Network]:
    return [] if network.config_only else network.subnets
