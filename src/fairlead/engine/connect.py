"""A container joins its networks and leaves them: addresses, sandbox, endpoints, host ports.

Everything is named from ids and undone by `leave`, which is idempotent. Links come on top of it: see linking.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from fairlead import ids
from fairlead.engine.events import Events
from fairlead.engine.leases import Leases
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import Conflict, EngineError, Forbidden, InvalidParameter, NotFound, SystemFailure
from fairlead.model.container import Container, Endpoint, EndpointRequest, Port, PortBinding, PublishedPort
from fairlead.model.network import MODE_LABEL, Network, PublishMode
from fairlead.network import wishes
from fairlead.network.controller import Controller
from fairlead.network.endpoint import mac_for
from fairlead.network.sandbox import Sandbox
from fairlead.network.wishes import Terms, Wish


@dataclass(frozen=True, slots=True)
class Joined:
    """A container with its network: endpoints filled in, ports held. `sandbox` None = another's, or the host's."""

    container: Container
    sandbox: Sandbox | None
    netns_path: str | None


class Connector:
    def __init__(
        self, controller: Controller, topology: Topology, leases: Leases, registry: Registry, events: Events,
        *, publish_mode: PublishMode,
    ) -> None:  # fmt: skip
        self._controller = controller
        self._topology = topology
        self._leases = leases
        self._registry = registry
        self._events = events
        self._publish_mode = publish_mode

    def join(self, container: Container) -> Joined:
        """Network of a container about to start. Raises with nothing left behind."""
        mode = container.host_config.network_mode
        if mode == "host" or container.config.network_disabled:
            sandbox = None if mode == "host" else self._controller.new_sandbox()
            return Joined(self._resolved(container), sandbox, sandbox.path if sandbox else None)
        if mode.startswith("container:"):
            return Joined(container, None, self._donor_path(mode.partition(":")[2]))
        prepared = self._prepare(container)
        sandbox = self._controller.new_sandbox()
        try:
            for number, endpoint in enumerate(prepared.endpoints):
                self._connect(sandbox, endpoint, number)
            return Joined(self._reserve(prepared), sandbox, sandbox.path)
        except BaseException:
            sandbox.close()
            self.leave(prepared, quiet=True)
            raise

    def leave(self, container: Container, *, quiet: bool = False) -> None:
        """Undoes `join`: ports first, then endpoints. The leases stay: the address is the container's."""
        gateway = self.gateway_endpoint(container)
        if gateway is not None and container.published:
            self._withdraw(gateway, container.published)
        for endpoint in container.endpoints:
            network = self._topology.by_id(endpoint.network_id)
            if network is None or not endpoint.id:
                continue
            self._controller.disconnect(network, endpoint, dying=not self._shared(container))
            if not quiet:
                self.tell("disconnect", network, container)

    def _shared(self, container: Container) -> bool:
        """Whether somebody else lives in its sandbox and keeps it."""
        mode = f"container:{container.id}"
        return any(c.host_config.network_mode == mode and c.state.status.running for c in self._registry)

    def publish(self, container: Container) -> None:
        """Last step of a start."""
        gateway = self.gateway_endpoint(container)
        if gateway is not None:
            self._controller.activate(gateway, container.published)

    def activate(self, gateway: Endpoint, published: Sequence[PublishedPort]) -> None:
        self._controller.activate(gateway, published)

    def unpublish(self, gateway: Endpoint, published: Sequence[PublishedPort]) -> None:
        """These alone, of a container that goes on: connections through them end."""
        self._controller.withdraw(gateway, published, cut=True)
        self._controller.release(gateway, published)

    def _withdraw(self, gateway: Endpoint, published: Sequence[PublishedPort]) -> None:
        self._controller.withdraw(gateway, published)
        self._controller.release(gateway, published)

    def gateway_endpoint(self, container: Container) -> Endpoint | None:
        """The endpoint that carries the default route and the published ports."""
        return next((end for end in container.endpoints if end.address is not None and not self._internal(end)), None)

    def _internal(self, endpoint: Endpoint) -> bool:
        network = self._topology.by_id(endpoint.network_id)
        return network is not None and network.internal

    def tell(self, action: str, network: Network, container: Container) -> None:
        self._events.other(
            "network", action, network.id, container=container.id, name=network.name, type=network.driver
        )

    # --- steps of join ----------------------------------------------------------------------------------------

    def _donor_path(self, ref: str) -> str:
        donor = self._registry.by_id(ref)
        if donor is None:
            raise NotFound(f"joining network namespace of container: No such container: {ref}")
        if not donor.state.status.running or not donor.state.pid:
            raise Conflict(f"cannot join network namespace of a non running container: {donor.id}")
        return f"/proc/{donor.state.pid}/ns/net"

    def _resolved(self, container: Container) -> Container:
        """Endpoints with the ids of their networks; a network that is not there is an error now."""
        ends = []
        for endpoint in container.endpoints:
            network = self._topology.get(endpoint.network_id or endpoint.network_name)
            ends.append(replace(endpoint, network_id=network.id, network_name=network.name, id=ids.new_id()))
        return replace(container, endpoints=tuple(ends))

    def _prepare(self, container: Container) -> Container:
        resolved = self._resolved(container)
        ends = (self._addressed(resolved, endpoint) for endpoint in resolved.endpoints)
        return replace(resolved, endpoints=tuple(ends))

    def _addressed(self, container: Container, endpoint: Endpoint) -> Endpoint:
        network = self._topology.get(endpoint.network_id)
        if network.driver != "bridge":
            return endpoint
        request = endpoint.request
        address = endpoint.address
        if address is None or network.subnet is None or address.ip not in network.subnet:
            wanted = IPv4Address(request.ipv4_address) if request.ipv4_address else None
            try:
                address = self._leases.allocate(network, container, wanted)
            except EngineError as error:
                raise SystemFailure(f"failed to set up container networking: {error.message}") from error
        mac = request.mac_address or container.config.mac_address or mac_for(address.ip)
        return replace(endpoint, address=address, gateway=network.gateway, mac_address=mac.replace("-", ":").lower())

    def _connect(self, sandbox: Sandbox, endpoint: Endpoint, number: int) -> None:
        network = self._topology.get(endpoint.network_id)
        if endpoint.address is not None:
            self._controller.connect(
                sandbox, network, endpoint, interface=f"eth{number}", default_route=number == 0
            )

    def _reserve(self, container: Container) -> Container:
        gateway = self.gateway_endpoint(container)
        host = container.host_config
        if gateway is None or not (host.port_bindings or host.publish_all_ports):
            return replace(container, published=())
        exposed, everything = container.config.exposed_ports, host.publish_all_ports
        published = self.reserve(container, gateway, host.port_bindings, exposed=exposed, publish_all=everything)
        return replace(container, published=published, remembered=())

    def reserve(
        self, container: Container, gateway: Endpoint, bindings: Mapping[Port, tuple[PortBinding, ...]],
        *, exposed: Iterable[Port], publish_all: bool = False,
    ) -> tuple[PublishedPort, ...]:  # fmt: skip
        """Host ports for these bindings, held but not reachable yet."""

        def wanted(terms: Terms) -> list[Wish]:
            return wishes.wanted(
                exposed, bindings, terms, publish_all=publish_all, remembered=container.remembered,
                forwarded=lambda port: self._mode(container, port) is PublishMode.FORWARD,
            )  # fmt: skip

        network = self._topology.get(gateway.network_id)
        return self._controller.reserve(network, gateway, container.name, wanted)

    def _mode(self, container: Container, port: Port) -> PublishMode:
        labels = container.config.labels
        text = labels.get(f"{MODE_LABEL}.{port}") or labels.get(MODE_LABEL)
        return PublishMode(text) if text else self._publish_mode

    def parted(self, container: Container) -> Container:
        """The record of one that runs no more: its ports are free, those we chose are kept in mind."""
        chosen = wishes.chosen(container.published, container.host_config.port_bindings)
        parted = replace(container, published=(), remembered=chosen)
        self.keep_in_mind(parted)
        return parted

    def keep_in_mind(self, container: Container) -> None:
        self._controller.remember(container.id, container.remembered)

    # --- while it runs, and leases ----------------------------------------------------------------------------

    def add(self, container: Container, network: Network, request: EndpointRequest) -> Container:
        """`network connect`: at once if it runs, else at its next start."""
        _check_connect(container, network, request)
        endpoint = Endpoint(id=ids.new_id(), network_id=network.id, network_name=network.name, request=request)
        if container.state.status.running and container.state.pid:
            endpoint = self._addressed(container, endpoint)
            sandbox = self._controller.open_sandbox(container.state.pid)
            try:
                self._connect(sandbox, endpoint, len(container.endpoints))
            finally:
                sandbox.close()
            self.tell("connect", network, container)
        return replace(container, endpoints=(*container.endpoints, endpoint))

    def drop(self, container: Container, network: Network) -> Container:
        """`network disconnect`."""
        endpoint = next((end for end in container.endpoints if end.network_id == network.id), None)
        running = container.state.status.running
        if endpoint is None:
            the = "" if running else "the "
            raise Forbidden(f"container {container.id} is not connected to {the}network {network.name}")
        published = container.published
        if running:
            if endpoint == self.gateway_endpoint(container):
                self._withdraw(endpoint, published)
                published = ()
            self._controller.disconnect(network, endpoint)
            self.tell("disconnect", network, container)
        self._leases.release(network, container)
        rest = tuple(end for end in container.endpoints if end is not endpoint)
        return replace(container, endpoints=rest, published=published)

    def forget(self, container: Container) -> None:
        """The container is removed: its leases end, or wait for the next of its name.

        Also where the record knows of no address: a start that was killed may have got as far as the lease.
        """
        self._controller.forget(container.id)
        for network in self._networks_of(container):
            self._leases.release(network, container)

    def rename(self, before: Container, after: Container) -> None:
        for network in self._networks_of(before):
            self._leases.rename(network, before, after)

    def _networks_of(self, container: Container) -> Iterable[Network]:
        for endpoint in container.endpoints:
            network = self._topology.by_id(endpoint.network_id)
            if network is not None:
                yield network

    def endpoints_at(self, network: Network) -> dict[str, tuple[str, Endpoint]]:
        """Running members of a network: container id → name, endpoint."""
        return {
            container.id: (container.name, end)
            for container in self._registry
            for end in container.endpoints
            if end.network_id == network.id and container.state.status.running
        }


def requested(networks: Sequence[tuple[str, EndpointRequest]], topology: Topology) -> tuple[Endpoint, ...]:
    """Endpoints of a container that was only created: no id and no address yet."""
    ends = []
    for name, request in networks:
        try:
            network = topology.get(name)
        except NotFound:
            ends.append(Endpoint(id="", network_id="", network_name=name, request=request))
            continue
        ends.append(Endpoint(id="", network_id=network.id, network_name=network.name, request=request))
    return tuple(ends)


def _check_connect(container: Container, network: Network, request: EndpointRequest) -> None:
    mode = container.host_config.network_mode
    if mode == "host" or mode.startswith("container:"):
        raise Conflict(
            "container sharing network namespace with another container or host cannot be connected "
            "to any other network"
        )
    if network.name == "host":
        raise Conflict(
            "cannot connect container to host network - container must be created in host network mode"
        )
    if "none" in (network.name, *(end.network_name for end in container.endpoints)):
        raise Conflict(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    if any(end.network_id == network.id for end in container.endpoints):
        raise Forbidden(f"endpoint with name {container.name} already exists in network {network.name}")
    if request.ipv4_address and (network.subnet is None or IPv4Address(request.ipv4_address) not in network.subnet):
        raise InvalidParameter(f"no configured subnet or ip-range contain the IP address {request.ipv4_address}")
