"""The networks service: user-defined bridges, made, looked at, joined, left and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from fairlead.engine import blueprint, pruning
from fairlead.engine.connect import Connector
from fairlead.engine.directory import Directory
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.leases import Leases
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import Conflict, Forbidden, InvalidParameter
from fairlead.model.container import Container, Endpoint, EndpointRequest, Status
from fairlead.model.network import Network
from fairlead.model.request import NetworkRequest
from fairlead.model.settings import Settings
from fairlead.network.controller import Controller


@dataclass(frozen=True, slots=True)
class NetworkView:
    """A network and its running members: container id → name, endpoint."""

    network: Network
    endpoints: Mapping[str, tuple[str, Endpoint]]


class Networks:
    def __init__(
        self,
        settings: Settings,
        topology: Topology,
        controller: Controller,
        connector: Connector,
        linker: Linker,
        leases: Leases,
        directory: Directory,
        etc: EtcFiles,
        registry: Registry,
        events: Events,
    ) -> None:
        self._settings = settings
        self._topology = topology
        self._controller = controller
        self._connector = connector
        self._linker = linker
        self._leases = leases
        self._directory = directory
        self._etc = etc
        self._registry = registry
        self._events = events

    async def list(self, filters: Mapping[str, Sequence[str]]) -> Sequence[NetworkView]:
        pruning.truth(filters, "dangling", default=True)  # refused also where there is nothing to choose from
        for kind in filters.get("type", ()):
            if kind not in ("builtin", "custom"):
                raise InvalidParameter(f"invalid filter: 'type'='{kind}'")
        found = sorted(self._topology, key=lambda network: network.created)
        return [NetworkView(network, {}) for network in found if self._matches(network, filters)]

    async def inspect(self, ref: str) -> NetworkView:
        network = self._topology.get(ref)
        return NetworkView(network, self._connector.endpoints_at(network))

    async def create(self, request: NetworkRequest) -> tuple[str, str]:
        """(id, warning)."""
        drawn = blueprint.draw(request, self._settings)
        if self._topology.named(request.name) is not None:
            raise Conflict(f"network with name {request.name} already exists")
        network = self._with_subnets(self._with_bridge(drawn))
        try:
            self._controller.add_network(network)
        except BaseException:
            self._controller.remove_network(network)
            self._topology.give_back(*network.subnets)
            raise
        self._topology.add(network)
        await self._controller.open_to_world(network)
        self._events.other("network", "create", network.id, name=network.name, type=network.driver)
        return network.id, ""

    def _with_bridge(self, network: Network) -> Network:
        """A bridge that is there already is used as it is, unless it is another network's."""
        if not network.bridge or not self._controller.has_device(network.bridge):
            return network
        for other in self._topology:
            if other.bridge == network.bridge:
                raise Forbidden(
                    f"cannot create network {network.id} ({network.bridge}): conflicts with network {other.id} "
                    f"({other.bridge}): networks have same bridge name"
                )
        return replace(network, adopted=True)

    def _with_subnets(self, network: Network) -> Network:
        """Subnets are claimed, or chosen, and held: `give_back` undoes it."""
        topology = self._topology
        with ExitStack() as undo:
            for subnet in network.subnets:
                topology.claim(subnet)
                undo.callback(topology.give_back, subnet)
            if network.ipv4 and network.subnet is None:
                network = replace(network, subnet=topology.choose_subnet())
                undo.callback(topology.give_back, network.subnet)
            if network.ipv6 and network.subnet6 is None:
                network = replace(network, subnet6=topology.choose_subnet6())
                undo.callback(topology.give_back, network.subnet6)
            network = blueprint.with_gateways(network)
            undo.pop_all()
        return network

    async def remove(self, ref: str) -> None:
        network = self._topology.get(ref)
        if network.predefined:
            raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
        if members := self._connector.endpoints_at(network):
            named = ", ".join(f'name:"{name}" id:"{end.id[:12]}"' for name, end in members.values())
            raise Forbidden(
                f"error while removing network: network {network.name} has active endpoints ({named})"
            )
        self._delete(network)

    def _delete(self, network: Network) -> None:
        self._topology.remove(network)
        self._leases.forget(network)
        self._controller.remove_network(network)
        self._events.other("network", "destroy", network.id, name=network.name, type=network.driver)

    async def connect(self, ref: str, container: str, request: EndpointRequest) -> None:
        network = self._topology.get(ref)
        found = self._registry.get(container)
        async with self._registry.lock(found.id):
            now = self._registry.current(found)
            if now.state.status in (Status.REMOVING, Status.DEAD):
                raise Forbidden(
                    f"Container {now.id} is marked for removal and cannot be connected or disconnected to the network"
                )
            linked = self._linker.links_on(network.name, request.links) if not network.predefined else []
            joined = self._connector.add(now, network, request)
            joined = self._registry.save(replace(joined, links=(*joined.links, *linked)))
            if joined.state.status.running:
                self._etc.follow(now, joined)
                self._introduce(joined)
                self._linker.arm(joined)

    def _introduce(self, container: Container) -> None:
        """A container that began without a network, or left its only one, can ask for names from now on."""
        if container.state.pid and not self._directory.knows(container.id):
            sandbox = self._controller.open_sandbox(container.state.pid)
            try:
                self._directory.admit(container, sandbox)
            finally:
                sandbox.close()

    async def disconnect(self, ref: str, container: str, *, force: bool) -> None:
        network = self._topology.get(ref)
        found = self._registry.get(container)
        async with self._registry.lock(found.id):
            now = self._registry.current(found)
            if network.name == "host":
                raise Conflict(
                    "cannot disconnect container from host network - container was created in host network mode"
                )
            parted = self._connector.drop(now, network)
            if not network.predefined:
                parted = replace(parted, links=tuple(link for link in now.links if link.network != network.name))
            if parted.state.status.running:
                self._etc.follow(now, parted)
            self._linker.refresh(self._registry.save(parted))

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Sequence[str]:
        chosen = pruning.Selection(filters)
        used = {end.network_id for container in self._registry for end in container.endpoints}
        gone = [
            network
            for network in self._topology
            if not network.predefined and network.id not in used and chosen.takes(network.labels, network.created)
        ]
        for network in gone:
            self._delete(network)
        self._events.other("network", "prune", "", reclaimed="0")
        return [network.name for network in gone]

    def _matches(self, network: Network, filters: Mapping[str, Sequence[str]]) -> bool:
        return all(
            any(self._matches_one(network, name, value) for value in values)
            for name, values in filters.items()
            if values
        )

    def _matches_one(self, network: Network, name: str, value: str) -> bool:
        match name:
            case "name":
                return value in network.name
            case "id":
                return network.id.startswith(value)
            case "driver":
                return network.driver == value
            case "scope":
                return value == "local"
            case "type":
                return (value == "builtin") == network.predefined
            case "label":
                key, equals, wanted = value.partition("=")
                return key in network.labels and (not equals or network.labels[key] == wanted)
            case "label!":
                return not self._matches_one(network, "label", value)
            case "dangling":
                used = any(end.network_id == network.id for c in self._registry for end in c.endpoints)
                return (not used and not network.predefined) == pruning.truth({name: [value]}, name, default=True)
        return True
