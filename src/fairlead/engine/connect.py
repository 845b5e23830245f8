"""A container joins its networks and leaves them: addresses, sandbox, endpoints, host ports.

Everything is named from ids and undone by `leave`, which is idempotent. Links come on top of it: see linking.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from fairlead import ids, steps
from fairlead.engine import attachments, gateways
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
from fairlead.steps import Steps

log = logging.getLogger(__name__)


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
            out = self._gateways(prepared)
            for endpoint in prepared.endpoints:
                self._connect(sandbox, endpoint, out)
            return Joined(prepared, sandbox, sandbox.path)
        except BaseException:
            sandbox.close()
            self.leave(prepared, quiet=True)
            raise

    def leave(self, container: Container, *, quiet: bool = False) -> None:
        """Undoes `join`: ports first, then endpoints. The leases stay: the address is the container's."""
        self.unreserve(container)
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

    def publishes(self, container: Container) -> bool:
        """Whether there is anything to `reserve`."""
        host = container.host_config
        return bool(host.port_bindings or host.publish_all_ports) and self.gateway_endpoint(container) is not None

    def reserve(self, container: Container) -> Steps[Container]:
        """The container with its host ports, held but not reachable yet."""
        gateway, host = self.gateway_endpoint(container), container.host_config
        if gateway is None or not self.publishes(container):
            return replace(container, published=())
        published = yield from self.take(
            container, gateway, host.port_bindings,
            exposed=container.config.exposed_ports, publish_all=host.publish_all_ports,
        )  # fmt: skip
        return replace(container, published=published, remembered=())

    def publish(self, container: Container) -> Steps[None]:
        gateway = self.gateway_endpoint(container)
        if gateway is not None:
            yield from self._controller.ports.activate(self._network(gateway), gateway, container.published)

    def unreserve(self, container: Container) -> None:
        """Undoes `reserve` and `publish`."""
        gateway = self.gateway_endpoint(container)
        if gateway is not None and container.published:
            self._withdraw(gateway, container.published)

    def activate(self, gateway: Endpoint, published: Sequence[PublishedPort]) -> None:
        steps.finish(self._controller.ports.activate(self._network(gateway), gateway, published))
        self.attend()

    def attend(self) -> None:
        """A start is over: there is time for what its many ports put off."""
        self._controller.ports.attend()

    def unpublish(
        self, gateway: Endpoint, published: Sequence[PublishedPort], *, kept: Sequence[PublishedPort]
    ) -> None:
        """These alone, of a container that goes on: connections through them end."""
        self._controller.ports.withdraw(self._network(gateway), gateway, published, cut=True, kept=kept)
        self._controller.ports.release(gateway, published)

    def _withdraw(self, gateway: Endpoint, published: Sequence[PublishedPort]) -> None:
        self._controller.ports.withdraw(self._network(gateway), gateway, published)
        self._controller.ports.release(gateway, published)

    def _network(self, endpoint: Endpoint) -> Network:
        return self._topology.get(endpoint.network_id)

    def gateway_endpoint(self, container: Container) -> Endpoint | None:
        """The endpoint that carries the default route and the published ports."""
        four, six = self._gateways(container)
        return four or six

    def _gateways(self, container: Container) -> gateways.Pair:
        return gateways.choose(end for end in container.endpoints if not self._internal(end))

    def _internal(self, endpoint: Endpoint) -> bool:
        network = self._topology.by_id(endpoint.network_id)
        return network is not None and network.closed

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
            network = self._topology.by_id(endpoint.network_id) or self._topology.get(endpoint.network_name)
            if endpoint.network_id not in ("", network.id):  # another of that name: what it had there is no more
                endpoint = replace(endpoint, address=None, address6=None)
            ends.append(replace(endpoint, network_id=network.id, network_name=network.name, id=ids.new_id()))
        return replace(container, endpoints=tuple(ends))

    def _prepare(self, container: Container) -> Container:
        resolved = self._resolved(container)
        ends: list[Endpoint] = []
        for endpoint in resolved.endpoints:
            ends.append(self._addressed(resolved, replace(endpoint, interface=""), ends))
        return replace(resolved, endpoints=tuple(ends))

    def _addressed(self, container: Container, endpoint: Endpoint, others: Sequence[Endpoint]) -> Endpoint:
        network = self._topology.get(endpoint.network_id)
        if network.driver in ("host", "null") and not network.config_only:
            return endpoint
        try:
            attachments.check(network, endpoint.request)
            attachments.check_member(network, endpoint.request)
            address, address6 = self._lease(container, network, endpoint)
        except EngineError as error:
            raise SystemFailure(f"failed to set up container networking: {error.message}") from error
        mac = endpoint.request.mac_address or container.config.mac_address
        if network.driver != "ipvlan":
            mac = mac or self._mac(address, address6)
        elif mac:
            raise SystemFailure(
                "failed to set up container networking: ipvlan interfaces do not support custom mac address assignment"
            )
        has_router = not network.closed and not network.direct
        return replace(
            endpoint,
            address=address,
            address6=address6,
            gateway=network.router4(address) if has_router else None,
            gateway6=network.router6(address6) if has_router else None,
            mac_address=mac.replace("-", ":").lower(),
            interface=gateways.free_name(network, endpoint.request, others),
        )

    def _lease(
        self, container: Container, network: Network, endpoint: Endpoint
    ) -> tuple[IPv4Interface | None, IPv6Interface | None]:
        """What it has, what it asks for, or what is free."""
        wanted, wanted6 = endpoint.request.ipv4_address, endpoint.request.ipv6_address
        address, address6 = endpoint.address, endpoint.address6
        if address is None or network.segment_of(address.ip) is None:
            address = self._leases.allocate(network, container, IPv4Address(wanted) if wanted else None)
        if address6 is None or network.segment_of(address6.ip) is None:
            address6 = self._leases.allocate6(network, container, IPv6Address(wanted6) if wanted6 else None)
        return address, address6

    def _mac(self, address: IPv4Interface | None, address6: IPv6Interface | None) -> str:
        own = address or address6
        return mac_for(own.ip) if own is not None else ""

    def _connect(self, sandbox: Sandbox, endpoint: Endpoint, out: gateways.Pair) -> None:
        network = self._topology.get(endpoint.network_id)
        if endpoint.address is not None or endpoint.address6 is not None:
            self._controller.connect(sandbox, network, endpoint, ways=(endpoint is out[0], endpoint is out[1]))

    def take(
        self, container: Container, gateway: Endpoint, bindings: Mapping[Port, tuple[PortBinding, ...]],
        *, exposed: Iterable[Port], publish_all: bool = False,
    ) -> Steps[tuple[PublishedPort, ...]]:  # fmt: skip
        """Host ports for these bindings, held but not reachable yet."""
        labels = {name: text for name, text in container.config.labels.items() if name.startswith(MODE_LABEL)}
        always = self._publish_mode is PublishMode.FORWARD

        def forwarded(port: Port) -> bool:
            text = labels.get(f"{MODE_LABEL}.{port}") or labels.get(MODE_LABEL) if labels else None
            return PublishMode(text) is PublishMode.FORWARD if text else always

        def wanted(terms: Terms) -> list[Wish]:
            return wishes.wanted(
                exposed, bindings, terms, publish_all=publish_all, remembered=container.remembered, forwarded=forwarded
            )

        network = self._topology.get(gateway.network_id)
        return self._controller.ports.reserve(network, gateway, container.name, wanted)

    def parted(self, container: Container) -> Container:
        """The record of one that runs no more: its ports are free, those we chose are kept in mind."""
        chosen = wishes.chosen(container.published, container.host_config.port_bindings)
        parted = replace(container, published=(), remembered=chosen)
        self.keep_in_mind(parted)
        return parted

    def keep_in_mind(self, container: Container) -> None:
        self._controller.ports.remember(container.id, container.remembered)

    # --- while it runs, and leases ----------------------------------------------------------------------------

    def add(self, container: Container, network: Network, request: EndpointRequest) -> Container:
        """`network connect`: at once if it runs, else at its next start."""
        attachments.check_connect(container, network, request)
        endpoint = Endpoint(id=ids.new_id(), network_id=network.id, network_name=network.name, request=request)
        if not (container.state.status.running and container.state.pid):
            return replace(container, endpoints=(*container.endpoints, endpoint))
        endpoint = self._addressed(container, endpoint, container.endpoints)
        joined = replace(container, endpoints=(*container.endpoints, endpoint))
        sandbox = self._controller.open_sandbox(container.state.pid)
        try:
            self._connect(sandbox, endpoint, (None, None))
            try:
                joined = self._turned(sandbox, container, joined)
            except BaseException:
                self._controller.disconnect(network, endpoint)
                raise
        finally:
            sandbox.close()
        self.tell("connect", network, container)
        return joined

    def drop(self, container: Container, network: Network) -> Container:
        """`network disconnect`."""
        endpoint = next((end for end in container.endpoints if end.network_id == network.id), None)
        running = container.state.status.running
        if endpoint is None:
            the = "" if running else "the "
            raise Forbidden(f"container {container.id} is not connected to {the}network {network.name}")
        rest = replace(container, endpoints=tuple(end for end in container.endpoints if end is not endpoint))
        if running and container.state.pid:
            if endpoint == self.gateway_endpoint(container) and container.published:
                self._withdraw(endpoint, container.published)
            self._controller.disconnect(network, endpoint)
            sandbox = self._controller.open_sandbox(container.state.pid)
            try:
                rest = self._turned(sandbox, container, rest, gone=endpoint)
            finally:
                sandbox.close()
            self.tell("disconnect", network, container)
        self._leases.release(network, container)
        return rest

    def _turned(
        self, sandbox: Sandbox, before: Container, after: Container, *, gone: Endpoint | None = None
    ) -> Container:
        """The default routes, and with them the published ports, go to the endpoints that carry them now."""
        old, new = self._gateways(before), self._gateways(after)
        if old != new:
            self._controller.redirect(
                sandbox,
                new[0].gateway if new[0] is not None and new[0] is not old[0] else None,
                new[1].gateway6 if new[1] is not None and new[1] is not old[1] else None,
            )
        former, carrier = self.gateway_endpoint(before), self.gateway_endpoint(after)
        if former == carrier:
            return after
        if former is not None and former is not gone and before.published:
            self._withdraw(former, before.published)
        moved = steps.finish(self.reserve(replace(after, published=())))
        steps.finish(self.publish(moved))
        return moved

    def mend(self, container: Container) -> None:
        """Of a running container: what somebody else changed on the host's side of its endpoints, or took away."""
        gone = [end for end in container.endpoints if not self._mended(end)]
        if not gone:
            return
        try:
            sandbox = self._controller.open_sandbox(container.state.pid)
        except EngineError as error:  # it ended this very moment, and its devices went with it
            log.info("network of %s: %s", container.name, error.message)
            return
        try:
            out = self._gateways(container)
            for endpoint in gone:
                self._controller.repair.uproot(sandbox, endpoint)
                self._connect(sandbox, endpoint, out)
        finally:
            sandbox.close()

    def _mended(self, endpoint: Endpoint) -> bool:
        network = self._topology.by_id(endpoint.network_id)
        addressed = endpoint.address is not None or endpoint.address6 is not None
        return network is None or not addressed or self._controller.mend_endpoint(network, endpoint)

    def forget(self, container: Container) -> None:
        """The container is removed: its leases end, or wait for the next of its name.

        Also where the record knows of no address: a start that was killed may have got as far as the lease.
        """
        self._controller.ports.forget(container.id)
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
        try:
            attachments.check(network, request)
        except InvalidParameter as error:
            raise InvalidParameter(f"invalid config for network {name}: {error.message}") from error
        ends.append(Endpoint(id="", network_id=network.id, network_name=network.name, request=request))
    return tuple(ends)
