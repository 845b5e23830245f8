"""Keeps the resolver's table true: which containers are there, under which names, and what each of them may know of.

A container is in it from the moment its network is up until its process has ended. What changes meanwhile (a rename, a
network joined or left, a link that finds its source) comes in through the registry, so that no change can be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairlead import ids
from fairlead.engine import links
from fairlead.engine.etc import EtcFiles
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.model.container import Container, Endpoint
from fairlead.model.network import Network
from fairlead.model.settings import Settings
from fairlead.network import resolvconf
from fairlead.network.dns import redirect
from fairlead.network.dns.names import Address, Names, Presence, Sight, View
from fairlead.network.dns.server import Forwarding, Resolver
from fairlead.network.dns.upstream import Server
from fairlead.network.dns.wire import addresses
from fairlead.network.sandbox import Sandbox

_HOST_NAMES = ("host.docker.internal", "gateway.docker.internal")


class Directory:
    def __init__(self, settings: Settings, registry: Registry, topology: Topology, etc: EtcFiles) -> None:
        self._settings = settings
        self._registry = registry
        self._topology = topology
        self._etc = etc
        self._joined: set[str] = set()
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self.names = Names()
        self._resolver = Resolver(self.names, self.forwarding)
        registry.watch(self._changed)

    def listen(self, listener: Callable[[frozenset[str]], None]) -> None:
        """Is called after each change of the table, with the containers that are in it."""
        self._listeners.append(listener)

    def admit(self, container: Container, sandbox: Sandbox | None) -> None:
        """The container's network is up: it can ask, and is told of. Nothing to do where there is no network."""
        if sandbox is None or not any(_addresses(end) for end in container.endpoints):
            return
        self._resolver.open(container.id, sandbox.fd)
        self._joined.add(container.id)
        self._changed(container)

    def knows(self, container_id: str) -> bool:
        return container_id in self._joined

    def dismiss(self, container: Container) -> None:
        """Its process has ended; absent is fine."""
        self._resolver.close(container.id)
        self._joined.discard(container.id)
        if self.names.drop(container.id):
            self._tell()

    def close(self) -> None:
        self._resolver.close_all()

    def _changed(self, container: Container) -> None:
        if container.id in self._joined and self.names.put(container.id, self._view(container), _presences(container)):
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(frozenset(self._joined))

    # --- what it may know of ----------------------------------------------------------------------------------

    def _view(self, container: Container) -> View:
        fixed: dict[str, tuple[Address, ...]] = {}
        ours = {network.id for network in self._networks(container) if not network.shares_device}
        ends = [end for end in container.endpoints if end.network_id in ours]
        ways: list[Address | None] = [*(end.gateway for end in ends), *(end.gateway6 for end in ends)]
        gateway = next((way for way in ways if way is not None), None)
        if gateway is not None:
            fixed = {name: (gateway,) for name in _HOST_NAMES}
        given: dict[str, tuple[Address, ...]] = {}
        for address, name in self._etc.extra_hosts(container):
            given[name.lower()] = given.get(name.lower(), ()) + addresses(address)
        return View(sights=tuple(self._sight(container, end) for end in container.endpoints), fixed=fixed | given)

    def _sight(self, container: Container, end: Endpoint) -> Sight:
        own = [link for link in container.links if link.network == end.network_name]
        typed = {links.hosts_alias(link.alias): link.source_id or link.source_name for link in own}
        aliases = {alias.lower(): source for alias, source in typed.items()} | typed
        # On the default bridge names are private, as in Docker: one knows oneself, and whom one was linked to.
        reach = frozenset({container.id, *(link.source_id for link in own)}) if end.network_name == "bridge" else None
        return Sight(network_id=end.network_id, network=end.network_name, aliases=aliases, reach=reach)

    # --- what is asked of others ------------------------------------------------------------------------------

    def forwarding(self, container_id: str) -> Forwarding:
        """Whom a container's other questions go to. From internal networks alone nothing gets out, names neither."""
        container = self._registry.by_id(container_id)
        if container is None or all(network.internal for network in self._networks(container)):
            return Forwarding()
        host, given = self._etc.host_resolver(), container.host_config
        own = [address for address in given.dns or self._settings.dns if address != redirect.ADDRESS]
        versions = {address.version for end in container.endpoints for address in _addresses(end)}
        servers: Sequence[str] = own or resolvconf.servers(host)
        return Forwarding(
            tuple(
                Server(a, (6 if ":" in a else 4) not in versions or (not own and resolvconf.is_of_host(a)))
                for a in servers
            ),
            qualified_only=resolvconf.ndots(given.dns_options or self._settings.dns_options or host.options) > 0,
        )

    def _networks(self, container: Container) -> list[Network]:
        found = (self._topology.by_id(end.network_id) for end in container.endpoints)
        return [network for network in found if network is not None]


def _addresses(end: Endpoint) -> tuple[Address, ...]:
    return tuple(address.ip for address in (end.address, end.address6) if address is not None)


def _presences(container: Container) -> tuple[Presence, ...]:
    config = container.config
    own = (ids.short(container.id), *filter(None, (config.hostname,)))
    return tuple(
        Presence(
            container_id=container.id,
            network_id=end.network_id,
            names=tuple(dict.fromkeys((container.name, *end.request.aliases, *own))),
            addresses=_addresses(end),
            ports=config.exposed_ports,
        )
        for end in container.endpoints
        if _addresses(end)
    )
