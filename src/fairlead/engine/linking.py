"""Links at work: resolved at create, checked at start, and kept true while sources and recipients come and go.

A link is on one network and gives its recipient variables, a name (a hosts line on the default bridge, elsewhere the
resolver's), and on a private network a grant for each exposed port of the source. A recipient is *armed* from its
start to its end; what happens to a source meanwhile reaches every armed recipient at once. On the default bridge a
source must be there first, as in Docker; on networks of the user a link may wait for it: two may link to each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fairlead.engine import configuration, links
from fairlead.engine.etc import EtcFiles
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import EngineError, InvalidParameter, NotFound, SystemFailure
from fairlead.model.container import Container, Endpoint, EndpointRequest, HostConfig, Link
from fairlead.model.network import Grant
from fairlead.network.controller import Controller
from fairlead.network.hosts import LinkLine
from fairlead.network.ipam import Address

_HOST_CONFLICT = (
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior"
)


class Linker:
    def __init__(
        self, registry: Registry, topology: Topology, controller: Controller, etc: EtcFiles, *, environment: bool
    ) -> None:
        self._registry = registry
        self._topology = topology
        self._controller = controller
        self._etc = etc
        self._environment = environment
        self._armed: set[str] = set()
        self._granted: dict[tuple[str, str], frozenset[Grant]] = {}
        """(recipient id, source id) → what was granted."""
        self._pairs: dict[str, set[tuple[str, str]]] = {}
        """Container id → its keys of `_granted`, on either side."""

    # --- create -----------------------------------------------------------------------------------------------

    def resolve(self, host_config: HostConfig, endpoints: Sequence[Endpoint]) -> tuple[Link, ...]:
        """The links of a container to be made. A missing source is 400: at a 404 clients would pull an image."""
        if configuration.is_user_defined(host_config.network_mode):
            made = self.links_on(endpoints[0].network_name, host_config.links)
        else:
            made = self._legacy(host_config.links)
        for end in endpoints:
            if configuration.is_user_defined(end.network_name):
                made += self.links_on(end.network_name, end.request.links)
        return _first_of_each(made)

    def joining(self, network: str, request: EndpointRequest) -> tuple[Link, ...]:
        """The links that a container gets with a network that it joins later."""
        made = self._legacy(request.links) if network == "bridge" else self.links_on(network, request.links)
        return _first_of_each(made)

    def _legacy(self, texts: Iterable[str]) -> list[Link]:
        """Links on the default bridge."""
        found = []
        for text in texts:
            name, alias = links.parse(text)
            source = self._owner(name)
            if source.host_config.network_mode == "host":
                raise InvalidParameter(_HOST_CONFLICT)
            found.append(Link(source.id, source.name, alias))
        return found

    def links_on(self, network: str, texts: Iterable[str]) -> list[Link]:
        """Links on a network of the user: to whom it is, or will be."""
        found = []
        for text in texts:
            name, alias = links.parse(text)
            try:
                self._registry.get(name)
            except NotFound:
                found.append(Link("", name, alias, network))
            else:
                source = self._owner(name)
                found.append(Link(source.id, source.name, alias, network))
        return found

    def _owner(self, name: str) -> Container:
        """The container whose network the name leads to."""
        try:
            source = self._registry.get(name)
            while source.host_config.network_mode.startswith("container:"):
                source = self._registry.get(source.host_config.network_mode.partition(":")[2])
        except EngineError as error:
            raise InvalidParameter(f"could not get container for {name}: {error.message}") from error
        return source

    # --- start of a recipient ---------------------------------------------------------------------------------

    def sources(self, recipient: Container) -> list[tuple[Link, Container, Endpoint]]:
        """What the links on the default bridge lead to. Raises Docker's text if a source does not run."""
        legacy = [link for link in recipient.links if link.network == "bridge"]
        if not legacy or not any(end.network_name == "bridge" for end in recipient.endpoints):
            return []
        found = []
        for link in legacy:
            source = self._registry.by_id(link.source_id)
            if source is None or not source.state.status.running:
                name = source.name if source is not None else link.source_name
                raise SystemFailure(
                    f"Cannot link to a non running container: /{name} AS {links.link_name(recipient.name, link.alias)}"
                )
            endpoint = _end(source, "bridge")
            if endpoint is None:
                raise SystemFailure(f"container {source.id} not attached to default bridge network")
            found.append((link, source, endpoint))
        return found

    def lines(self, recipient: Container) -> list[LinkLine]:
        return [line for link, source, end in self.sources(recipient) for line in _lines(link, source, end)]

    def variables(self, recipient: Container) -> list[str]:
        """For a process started now. A stopped source keeps its address, so `exec` does not have to fail for it."""
        out: list[str] = []
        for link in recipient.links if self._environment else ():
            source = self._registry.by_id(link.source_id)
            endpoint = _end(source, link.network) if source is not None else None
            address = (endpoint.address or endpoint.address6) if endpoint is not None else None
            if source is None or address is None or _end(recipient, link.network) is None:
                continue
            name = links.link_name(recipient.name, link.alias)
            out += links.environment(name, address.ip, source.config.env, source.config.exposed_ports)
        return out

    def arm(self, container: Container) -> None:
        """The container's network is up: its own links open, and those of running recipients to it."""
        self._armed.add(container.id)
        self.refresh(container)
        endpoint = _end(container, "bridge")
        if endpoint is not None:
            for recipient, its in self._armed_recipients(container):
                self._etc.put_links(recipient, [line for link in its for line in _lines(link, container, endpoint)])

    def renamed(self, container: Container) -> None:
        """Links may have waited for its new name."""
        if container.id in self._armed:
            self.arm(container)

    def show(self, recipient: Container) -> None:
        """The hosts lines of its links: it has joined the default bridge while it runs."""
        sources = ((link, self._registry.by_id(link.source_id)) for link in recipient.links if link.network == "bridge")
        found = [(link, source, _end(source, "bridge")) for link, source in sources if source is not None]
        up = [(link, source, end) for link, source, end in found if end is not None and source.id in self._armed]
        if up:
            self._etc.put_links(recipient, [line for each in up for line in _lines(*each)])

    def rearm(self, containers: Iterable[Container]) -> list[Grant]:
        """After a restart of the daemon: what is granted, without touching the kernel."""
        running = list(containers)
        self._armed |= {container.id for container in running}
        out: list[Grant] = []
        for recipient in running:
            for source in self._own_sources(recipient):
                out += self._put((recipient.id, source.id), self._grants(recipient, source))[0]
        return out

    def disarm(self, container: Container) -> None:
        """The container's network goes. Hosts lines about it stay: its address stays its own."""
        self._armed.discard(container.id)
        self._revoke(list(self._pairs.get(container.id, ())))

    def refresh(self, container: Container, *, cut: bool = False) -> None:
        """Its links, networks or exposed ports have changed: what it and its recipients were granted follows.

        With `cut` connections over what is no longer granted end.
        """
        wanted: dict[tuple[str, str], frozenset[Grant]] = dict.fromkeys(self._pairs.get(container.id, ()), frozenset())
        if container.id in self._armed:
            for source in self._own_sources(container):
                wanted[container.id, source.id] = self._grants(container, source)
            for recipient, _ in self._registry.recipients(container.id):
                if recipient.id in self._armed:
                    wanted[recipient.id, container.id] = self._grants(recipient, container)
        new, gone = set[Grant](), set[Grant]()
        for key, grants in wanted.items():
            more, less = self._put(key, grants)
            new |= more
            gone |= less
        if gone:
            self._controller.revoke(gone, cut=cut)
        if new:
            self._controller.grant(new)

    # --- a source or a link goes ------------------------------------------------------------------------------

    def source_removed(self, source: Container) -> None:
        """Before the record goes: the recipients' hosts lines about it go."""
        for recipient, its in self._armed_recipients(source):
            self._etc.drop_links(recipient, [link.alias for link in its])

    def unlink(self, recipient: Container, link: Link) -> None:
        """`rm --link`: the link alone goes, at once, with connections that use it."""
        rest = tuple(other for other in recipient.links if other != link)
        changed = self._registry.save(replace(recipient, links=rest))
        if recipient.id in self._armed:
            if link.network == "bridge":
                self._etc.drop_links(changed, [link.alias])
            self.refresh(changed, cut=True)

    # --- grants -----------------------------------------------------------------------------------------------

    def _armed_recipients(self, source: Container) -> list[tuple[Container, list[Link]]]:
        """Those that have hosts lines about it."""
        found: dict[str, tuple[Container, list[Link]]] = {}
        for recipient, link in self._registry.recipients(source.id):
            if recipient.id in self._armed and link.network == "bridge" and _end(recipient, "bridge") is not None:
                found.setdefault(recipient.id, (recipient, []))[1].append(link)
        return list(found.values())

    def _own_sources(self, recipient: Container) -> list[Container]:
        found = (self._registry.by_id(link.source_id) for link in recipient.links)
        return [source for source in found if source is not None and source.id in self._armed]

    def _grants(self, recipient: Container, source: Container) -> frozenset[Grant]:
        """Over every network on which there is a link between the two, in both families."""
        found: set[Grant] = set()
        for name in {link.network for link in recipient.links if link.source_id == source.id}:
            here, there = _end(recipient, name), _end(source, name)
            network = self._topology.by_id(here.network_id) if here is not None else None
            if here is None or there is None or network is None or network.icc:
                continue
            # Port 0 is the leave to ping, also where nothing is exposed.
            ports = [("tcp", 0), *((port.protocol, port.number) for port in source.config.exposed_ports)]
            found |= {Grant(*pair, *port) for pair in _pairs(here, there) for port in ports}
        return frozenset(found)

    def _put(self, key: tuple[str, str], grants: frozenset[Grant]) -> tuple[frozenset[Grant], frozenset[Grant]]:
        """Notes what a pair of recipient and source is granted now; returns what is new and what is gone."""
        before = self._granted.pop(key, frozenset())
        for container_id in key:
            its = self._pairs.setdefault(container_id, set())
            its.add(key) if grants else its.discard(key)
            if not its:
                del self._pairs[container_id]
        if grants:
            self._granted[key] = grants
        return grants - before, before - grants

    def _revoke(self, pairs: Iterable[tuple[str, str]]) -> None:
        gone = [grant for pair in pairs for grant in self._put(pair, frozenset())[1]]
        if gone:
            self._controller.revoke(gone)


def _first_of_each(made: Iterable[Link]) -> tuple[Link, ...]:
    """An alias is given once on each network; the first has it."""
    found: dict[tuple[str, str], Link] = {}
    for link in made:
        found.setdefault((link.network, link.alias), link)
    return tuple(found.values())


def _end(container: Container, network: str) -> Endpoint | None:
    """The container's place on a network, once it has an address there."""
    found = (end for end in container.endpoints if end.network_name == network)
    return next((end for end in found if end.address is not None or end.address6 is not None), None)


def _pairs(here: Endpoint, there: Endpoint) -> list[tuple[Address, Address]]:
    """Their addresses, of each family that both have."""
    found: list[tuple[Address, Address]] = []
    if here.address is not None and there.address is not None:
        found.append((here.address.ip, there.address.ip))
    if here.address6 is not None and there.address6 is not None:
        found.append((here.address6.ip, there.address6.ip))
    return found


def _lines(link: Link, source: Container, endpoint: Endpoint) -> list[LinkLine]:
    """One for each family."""
    alias, hostname = links.hosts_alias(link.alias), source.config.hostname
    ends = (end for end in (endpoint.address, endpoint.address6) if end is not None)
    return [LinkLine(str(end.ip), alias, hostname, source.name) for end in ends]
