"""The networks service: user-defined bridges, made, looked at, joined, left and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

from fairlead import ids
from fairlead.engine import pruning
from fairlead.engine.connect import Connector
from fairlead.engine.events import Events
from fairlead.engine.leases import Leases
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import Conflict, Forbidden, InvalidParameter, NotFound
from fairlead.model.container import Endpoint, EndpointRequest, Status
from fairlead.model.network import Network
from fairlead.model.request import NetworkRequest, SubnetRequest
from fairlead.model.settings import Settings
from fairlead.network.controller import Controller

_OPTION = "com.docker.network.bridge."


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
        registry: Registry,
        events: Events,
    ) -> None:
        self._settings = settings
        self._topology = topology
        self._controller = controller
        self._connector = connector
        self._linker = linker
        self._leases = leases
        self._registry = registry
        self._events = events

    async def list(self, filters: Mapping[str, Sequence[str]]) -> Sequence[NetworkView]:
        found = sorted(self._topology, key=lambda network: network.created)
        return [NetworkView(network, {}) for network in found if self._matches(network, filters)]

    async def inspect(self, ref: str) -> NetworkView:
        network = self._topology.get(ref)
        return NetworkView(network, self._connector.endpoints_at(network))

    async def create(self, request: NetworkRequest) -> tuple[str, str]:
        """(id, warning)."""
        if request.name in ("bridge", "host", "none", "default"):
            raise Forbidden(f"operation is not permitted on predefined {request.name} network ")
        if any(network.name == request.name for network in self._topology):
            raise Conflict(f"network with name {request.name} already exists")
        if request.driver != "bridge":
            raise NotFound(f'plugin "{request.driver}" not found')
        network = self._planned(request)
        self._controller.add_network(network)
        self._topology.add(network)
        self._events.other("network", "create", network.id, name=network.name, type=network.driver)
        return network.id, ""

    def _planned(self, request: NetworkRequest) -> Network:
        wanted = request.subnets[0] if request.subnets else SubnetRequest()
        if len(request.subnets) > 1 or ":" in wanted.subnet:
            raise InvalidParameter("bridge driver: only one IPv4 subnet per network is supported")
        subnet = self._subnet(wanted.subnet)
        gateway = _address(wanted.gateway, "gateway") if wanted.gateway else subnet.network_address + 1
        if gateway not in subnet:
            raise InvalidParameter(f"no matching subnet for gateway {gateway}")
        ip_range = _network(wanted.ip_range, "ip-range") if wanted.ip_range else None
        if ip_range is not None and not ip_range.subnet_of(subnet):
            raise InvalidParameter(f"no matching subnet for ip-range {ip_range}")
        network_id, options = ids.new_id(), request.options
        name = options.get(_OPTION + "name", f"br-{self._settings.instance[:4]}{network_id[:8]}")
        return Network(
            id=network_id,
            name=request.name,
            created=datetime.now(UTC),
            bridge=name,
            subnet=subnet,
            ip_range=ip_range,
            gateway=gateway,
            aux_addresses=wanted.aux_addresses,
            internal=request.internal,
            attachable=request.attachable,
            icc=options.get(_OPTION + "enable_icc", "true") != "false",
            masquerade=options.get(_OPTION + "enable_ip_masquerade", "true") != "false",
            mtu=_mtu(options.get("com.docker.network.driver.mtu", ""), self._settings.mtu),
            host_ip=_address(options[_OPTION + "host_binding_ipv4"], "host binding")
            if _OPTION + "host_binding_ipv4" in options
            else self._settings.host_ip,
            labels=request.labels,
            options=options,
        )

    def _subnet(self, text: str) -> IPv4Network:
        existing = list(self._topology)
        if not text:
            return self._controller.choose_subnet(existing)
        subnet = _network(text, "subnet")
        if any(other.subnet is not None and other.subnet.overlaps(subnet) for other in existing):
            raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
        return subnet

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
            self._registry.save(replace(joined, links=(*joined.links, *linked)))
            if joined.state.status.running:
                self._linker.arm(self._registry.current(joined))

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
                return (not used and not network.predefined) == (value in ("1", "true"))
        return True


def _network(text: str, what: str) -> IPv4Network:
    try:
        return IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise InvalidParameter(f"invalid {what} {text}: invalid CIDR address") from None


def _address(text: str, what: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise InvalidParameter(f"invalid {what} address {text}") from None


def _mtu(text: str, default: int) -> int:
    if not text:
        return default
    if not text.isdigit() or not 68 <= int(text) <= 65535:
        raise InvalidParameter(f"invalid MTU number: {text}")
    return int(text)
