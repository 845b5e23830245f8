"""Links at work: resolved at create, checked at start, and kept true while sources and recipients come and go.

A link gives its recipient three things: variables, a hosts line, and (on a network that isolates its containers) a
grant for each exposed port of the source. A recipient is *armed* from its start to its end; what happens to a source
meanwhile reaches every armed recipient at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fairlead.engine import configuration, links
from fairlead.engine.etc import EtcFiles
from fairlead.engine.registry import Registry
from fairlead.engine.topology import Topology
from fairlead.errors import EngineError, InvalidParameter, SystemFailure
from fairlead.model.container import Container, Endpoint, HostConfig, Link
from fairlead.model.network import Grant
from fairlead.network.controller import Controller
from fairlead.network.hosts import LinkLine

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

    # --- create -----------------------------------------------------------------------------------------------

    def resolve(self, host_config: HostConfig) -> tuple[Link, ...]:
        """The links of a container to be made. A missing source is 400: at a 404 clients would pull an image."""
        if configuration.is_user_defined(host_config.network_mode):
            return ()
        found: dict[str, Link] = {}
        for text in host_config.links:
            name, alias = links.parse(text)
            source = self._owner(name)
            if source.host_config.network_mode == "host":
                raise InvalidParameter(_HOST_CONFLICT)
            found.setdefault(alias, Link(source.id, source.name, alias))
        return tuple(found.values())

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
        """What the links lead to. Raises Docker's text if a source does not run."""
        if not recipient.links or not any(end.network_name == "bridge" for end in recipient.endpoints):
            return []
        found = []
        for link in recipient.links:
            source = self._registry.by_id(link.source_id)
            if source is None or not source.state.status.running:
                name = source.name if source is not None else link.source_name
                raise SystemFailure(
                    f"Cannot link to a non running container: /{name} AS {links.link_name(recipient.name, link.alias)}"
                )
            endpoint = bridge_endpoint(source)
            if endpoint is None:
                raise SystemFailure(f"container {source.id} not attached to default bridge network")
            found.append((link, source, endpoint))
        return found

    def lines(self, recipient: Container) -> list[LinkLine]:
        return [_line(link, source, endpoint) for link, source, endpoint in self.sources(recipient)]

    def variables(self, recipient: Container) -> list[str]:
        """For a process started now. A stopped source keeps its address, so `exec` does not have to fail for it."""
        out: list[str] = []
        if not self._environment or bridge_endpoint(recipient) is None:
            return out
        for link in recipient.links:
            source = self._registry.by_id(link.source_id)
            endpoint = bridge_endpoint(source) if source is not None else None
            if source is not None and endpoint is not None and endpoint.address is not None:
                name = links.link_name(recipient.name, link.alias)
                out += links.environment(name, endpoint.address.ip, source.config.env, source.config.exposed_ports)
        return out

    def arm(self, container: Container) -> None:
        """The container's network is up: its own links open, and those of running recipients to it."""
        self._armed.add(container.id)
        self._controller.grant(self._take([*self._own_pairs(container), *self._pairs_to(container)]))
        for recipient, its in self._armed_recipients(container):
            endpoint = bridge_endpoint(container)
            if endpoint is not None:
                self._etc.put_links(recipient, [_line(link, container, endpoint) for link in its])

    def rearm(self, containers: Iterable[Container]) -> list[Grant]:
        """After a restart of the daemon: what is granted, without touching the kernel."""
        running = list(containers)
        self._armed |= {container.id for container in running}
        return self._take([pair for container in running for pair in self._own_pairs(container)])

    def disarm(self, container: Container) -> None:
        """The container's network goes. Hosts lines about it stay: its address stays its own."""
        self._armed.discard(container.id)
        self._revoke([pair for pair in self._granted if container.id in pair])

    def refresh(self, source: Container) -> None:
        """The ports it exposes have changed while it runs: what its recipients were granted follows."""
        for recipient, _ in self._pairs_to(source):
            key = (recipient.id, source.id)
            before, after = self._granted.get(key, frozenset()), self._grants(recipient, source)
            self._granted[key] = after
            self._controller.grant(after - before)
            self._controller.revoke(before - after)

    # --- a source or a link goes ------------------------------------------------------------------------------

    def source_removed(self, source: Container) -> None:
        """Before the record goes: the recipients' hosts lines about it go."""
        for recipient, its in self._armed_recipients(source):
            self._etc.drop_links(recipient, [link.alias for link in its])

    def unlink(self, recipient: Container, link: Link) -> None:
        """`rm --link`: the link alone goes, at once, with connections that use it."""
        rest = tuple(other for other in recipient.links if other != link)
        self._registry.save(replace(recipient, links=rest))
        if recipient.id in self._armed:
            self._etc.drop_links(recipient, [link.alias])
        if not any(other.source_id == link.source_id for other in rest):
            self._revoke([(recipient.id, link.source_id)], cut=True)

    # --- grants -----------------------------------------------------------------------------------------------

    def _armed_recipients(self, source: Container) -> list[tuple[Container, list[Link]]]:
        found: dict[str, tuple[Container, list[Link]]] = {}
        for recipient, link in self._registry.recipients(source.id):
            if recipient.id in self._armed and bridge_endpoint(recipient) is not None:
                found.setdefault(recipient.id, (recipient, []))[1].append(link)
        return list(found.values())

    def _own_pairs(self, recipient: Container) -> list[tuple[Container, Container]]:
        found = (self._registry.by_id(link.source_id) for link in recipient.links)
        return [(recipient, source) for source in found if source is not None and source.id in self._armed]

    def _pairs_to(self, source: Container) -> list[tuple[Container, Container]]:
        return [(recipient, source) for recipient, _ in self._armed_recipients(source)]

    def _take(self, pairs: Sequence[tuple[Container, Container]]) -> list[Grant]:
        """Notes what pairs of recipient and source are granted; returns what is new."""
        new: list[Grant] = []
        for recipient, source in pairs:
            key = (recipient.id, source.id)
            if key not in self._granted and (grants := self._grants(recipient, source)):
                self._granted[key] = grants
                new += grants
        return new

    def _grants(self, recipient: Container, source: Container) -> frozenset[Grant]:
        here, there = bridge_endpoint(recipient), bridge_endpoint(source)
        if here is None or there is None or here.address is None or there.address is None:
            return frozenset()
        network = self._topology.by_id(here.network_id)
        if network is None or network.icc:
            return frozenset()
        consumer, address = here.address.ip, there.address.ip
        # Port 0 is the leave to ping, also where nothing is exposed.
        open_ports = {Grant(consumer, address, "tcp", 0)}
        open_ports |= {Grant(consumer, address, port.protocol, port.number) for port in source.config.exposed_ports}
        return frozenset(open_ports)

    def _revoke(self, pairs: Iterable[tuple[str, str]], *, cut: bool = False) -> None:
        gone = [grant for pair in pairs for grant in self._granted.pop(pair, ())]
        if gone:
            self._controller.revoke(gone, cut=cut)


def bridge_endpoint(container: Container) -> Endpoint | None:
    """The container's place on the default bridge, once it has an address there."""
    return next(
        (end for end in container.endpoints if end.network_name == "bridge" and end.address is not None), None
    )


def _line(link: Link, source: Container, endpoint: Endpoint) -> LinkLine:
    address = str(endpoint.address.ip) if endpoint.address is not None else ""
    return LinkLine(address, links.hosts_alias(link.alias), source.config.hostname, source.name)
