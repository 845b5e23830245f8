"""The networks service: user-defined bridges, made, looked at, joined, left and removed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from fairlead.engine import blueprint, networkconfigs, pruning
from fairlead.engine.connect import Connector
from fairlead.engine.directory import Directory
from fairlead.engine.etc import EtcFiles
from fairlead.engine.events import Events
from fairlead.engine.leases import Leases
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import Conflict, Forbidden, InvalidParameter, NotFound
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
        if request.name in ("bridge", "host", "none", "default"):
            raise Forbidden(f"operation is not permitted on predefined {request.name} network ")
        if self._topology.named(request.name) is not None:
            raise Conflict(f"network with name {request.name} already exists")
        networkconfigs.check(request)
        if request.config_only:
            return self._made(networkconfigs.keep(request)), ""
        if request.config_from:
            request = networkconfigs.applied(request, self._topology.named(request.config_from))
        network = self._with_subnets(self._with_bridge(blueprint.draw(request, self._settings)))
        try:
            self._controller.add_network(network)
        except BaseException:
            self._controller.remove_network(network)
            self._topology.give_back(*network.subnets)
            raise
        made = self._made(network)
        await self._controller.open_to_world(network)
        return made, ""

    def _made(self, network: Network) -> str:
        self._topology.add(network)
        self._events.other("network", "create", network.id, name=network.name, type=network.driver)
        return network.id

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
        if network.config_only and any(other.config_from == network.name for other in self._topology):
            raise Forbidden(
                f'error while removing network: configuration network "{network.name}" is in use'
            )
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
        found = self._registry.get(container)
        network = self._topology.get(ref)
        async with self._registry.lock(found.id):
            now = self._registry.current(found)
            if now.state.status in (Status.REMOVING, Status.DEAD):
                raise Forbidden(
                    f"Container {now.id} is marked for removal and cannot be connected or disconnected to the network"
                )
            linked = self._linker.joining(network.name, request)
            joined = self._connector.add(now, network, request)
            held = {(link.network, link.alias) for link in joined.links}
            linked = tuple(link for link in linked if (link.network, link.alias) not in held)
            joined = self._registry.save(replace(joined, links=(*joined.links, *linked)))
            if joined.state.status.running:
                self._etc.follow(now, joined)
                self._introduce(joined)
                self._linker.arm(joined)
                if network.name == "bridge":
                    self._linker.show(joined)

    def _introduce(self, container: Container) -> None:
        """A container that began without a network, or left its only one, can ask for names from now on."""
        if container.state.pid and not self._directory.knows(container.id):
            sandbox = self._controller.open_sandbox(container.state.pid)
            try:
                self._directory.admit(container, sandbox)
            finally:
                sandbox.close()

    async def disconnect(self, ref: str, container: str, *, force: bool) -> None:
        try:
            found = self._registry.get(container)
        except NotFound:
            if force:
                self._topology.get(ref)
                raise NotFound(f"endpoint {container} not found") from None
            raise
        async with self._registry.lock(found.id):
            now = self._registry.current(found)
            if not now.state.status.running and self._forgotten(now, ref):
                return
            network = self._topology.get(ref)
            if network.name == "host" and now.host_config.network_mode == "host":
                raise Conflict(
                    "cannot disconnect container from host network - container was created in host network mode"
                )
            parted = self._connector.drop(now, network)
            if not network.predefined:
                parted = replace(parted, links=tuple(link for link in now.links if link.network != network.name))
            if parted.state.status.running:
                self._etc.follow(now, parted)
            self._linker.refresh(self._registry.save(parted))

    def _forgotten(self, container: Container, ref: str) -> bool:
        """A container that is stopped leaves a network that is no more: its record forgets it."""
        lost = [end for end in container.endpoints if ref in (end.network_name, end.network_id)]
        if not lost or self._topology.find(ref) is not None:
            return False
        rest = tuple(end for end in container.endpoints if end not in lost)
        links = tuple(link for link in container.links if link.network != lost[0].network_name)
        self._linker.refresh(self._registry.save(replace(container, endpoints=rest, links=links)))
        return True

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Sequence[str]:
        chosen = pruning.Selection(filters)
        used = {end.network_id for container in self._registry for end in container.endpoints}
        gone = [
            network
            for network in self._topology
            if not (network.predefined or network.config_only or network.id in used)
            and chosen.takes(network.labels, network.created)
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
                return _meets(network.name, value)
            case "id":
                return _meets(network.id, value)
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


def _meets(text: str, wanted: str) -> bool:
    """Docker takes a filter's value as a pattern; what is none is met by itself alone."""
    try:
        return text == wanted or re.search(wanted, text) is not None
    except re.error:
        return False
