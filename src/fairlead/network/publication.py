"""Published ports at work: held, made reachable, withdrawn. The kernel carries what it can, a forwarder the rest."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable, Iterator, Sequence

from fairlead import steps
from fairlead.errors import SystemFailure
from fairlead.model.container import Endpoint, PublishedPort
from fairlead.model.network import GatewayMode, Network
from fairlead.network import conntrack, nft, portmaps, proxy
from fairlead.network.netlink import Netlink
from fairlead.network.ports import Ports, host_has_ipv6
from fairlead.network.watch import Watch
from fairlead.network.wishes import Terms, Wish
from fairlead.steps import Steps

_log = logging.getLogger(__name__)

_AT_A_TIME = 64
_BACKLOG = 4096


class Publication:
    """All published ports of one daemon."""

    def __init__(self, tables: nft.Tables, link: Netlink, *, direct: bool) -> None:
        self._tables = tables
        self._link = link
        self._direct = direct
        self._ports = Ports()
        self._ipv6 = host_has_ipv6()
        self._watch = Watch()
        self._postponed: dict[str, tuple[Iterator[tuple[PublishedPort, socket.socket]], str]] = {}
        """By endpoint: ports that the kernel carries, but what comes another way finds nobody yet; and its address."""
        self._forwarders: dict[int, proxy.Forwarder] = {}
        """By the descriptor of their socket."""

    def reserve(
        self, network: Network, end: Endpoint, container_name: str, wanted: Callable[[Terms], list[Wish]]
    ) -> Steps[tuple[PublishedPort, ...]]:
        """Chooses and holds host ports for an endpoint. Nothing is reachable yet."""
        own = end.address or end.address6
        if own is None or network.driver != "bridge":
            return ()
        terms = Terms(
            default_ip=network.host_ip, ipv6=self._ipv6, inside4=end.address is not None,
            inside6=end.address6 is not None,
            routed=frozenset(version for version in (4, 6) if network.mode_of(version) is GatewayMode.ROUTED),
        )  # fmt: skip
        try:
            return (yield from self._ports.reserve(end.id, wanted(terms), own.ip))
        except SystemFailure as error:
            raise SystemFailure(
                "failed to set up container networking: driver failed programming external connectivity on endpoint "
                f"{container_name} ({end.id}): {error.message}"
            ) from error

    def elements(self, network: Network, end: Endpoint, published: Sequence[PublishedPort]) -> list[nft.Element]:
        """What the kernel has to know of them."""
        return portmaps.elements(end, published, network, direct=self._direct)

    def restore(self, network: Network, end: Endpoint, published: Sequence[PublishedPort]) -> None:
        """Holds again what a running container has had since before this daemon started."""
        self._ports.restore(end.id, [port for port in published if port.host_port])
        steps.finish(self.activate(network, end, published))
        self.attend()

    def activate(self, network: Network, end: Endpoint, published: Sequence[PublishedPort]) -> Steps[None]:
        """Makes reserved ports reachable; of many, some by the kernel alone until `attend` is called.

        The address answers by now: a rule before it would cost clients a second.
        """
        own = end.address or end.address6
        if own is None or not published:
            return
        self._tables.apply(add=self.elements(network, end, published))
        yield
        if datagrams := [port for port in published if port.port.protocol == "udp"]:
            conntrack.end_untranslated(datagrams, self._link.own_addresses())
        address = str(own.ip)
        held = self._ports.holders(end.id, published)
        now = held if any(port.forwarded for port in published) else itertools.islice(held, _AT_A_TIME)
        for count, (port, sock) in enumerate(now, 1):
            self._attend(port, sock, address)
            if count % _AT_A_TIME == 0:
                yield
        if len(published) > _AT_A_TIME:
            before, _ = self._postponed.get(end.id, ((), ""))
            self._postponed[end.id] = itertools.chain(before, held), address

    def _attend(self, port: PublishedPort, sock: socket.socket, address: str) -> None:
        stream = port.port.protocol == "tcp"
        if stream:
            # What is accepted inherits it, so that the number can be had again while old connections linger.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.listen(_BACKLOG)
        if _by_hand(port):
            target = (address, port.port.number)
            self._forwarders[sock.fileno()] = proxy.forward(sock, target, self._watch, stream=stream)

    def attend(self) -> None:
        """Takes care of what `activate` put off, bit by bit. To be called once it makes no start wait."""
        if self._postponed:
            asyncio.get_running_loop().call_soon(self._attend_some)

    def _attend_some(self) -> None:
        if not self._postponed:
            return
        owner, (held, address) = next(iter(self._postponed.items()))
        some = list(itertools.islice(held, _AT_A_TIME))
        if not some:
            del self._postponed[owner]
        for port, sock in some:
            try:
                self._attend(port, sock, address)
            except OSError as error:
                _log.warning("port %d is carried by the kernel alone: %s", port.host_port, error)
        self.attend()

    def withdraw(
        self, network: Network, end: Endpoint, published: Sequence[PublishedPort], *,
        cut: bool = False, kept: Sequence[PublishedPort] = (),
    ) -> None:  # fmt: skip
        """First step of a stop: nobody new gets in. With `cut` those who are in are cut off as well.

        `kept`: the container's other ports, which stay; they may share elements with those that go.
        """
        if not published:
            return
        if not kept:
            self._postponed.pop(end.id, None)
        for _, sock in self._ports.holders(end.id, filter(_by_hand, published)):
            if (forwarder := self._forwarders.pop(sock.fileno(), None)) is not None:
                forwarder.close()
        gone, stay = self.elements(network, end, published), self.elements(network, end, kept) if kept else []
        if kept:
            gone += self.elements(network, end, [*published, *kept])
        self._tables.apply(delete=set(gone).difference(stay), add=stay)
        # A datagram flow never ends by itself: it would go on to an address that is somebody else's one day.
        ended = [port for port in published if cut or port.port.protocol == "udp"]
        for interface in (end.address, end.address6):
            if interface is not None:
                conntrack.end_published(ended, interface.ip)

    def release(self, end: Endpoint, published: Sequence[PublishedPort]) -> None:
        """The host ports are free for others."""
        self._ports.release(end.id, published)

    def remember(self, container_id: str, gone: Sequence[PublishedPort]) -> None:
        """A stopped container is to have these numbers again; others get them last."""
        self._ports.remember(container_id, gone)

    def forget(self, container_id: str) -> None:
        """It is no more."""
        self._ports.forget(container_id)

    def close(self) -> None:
        self._postponed.clear()
        for forwarder in self._forwarders.values():
            forwarder.close()
        self._forwarders.clear()
        self._watch.close()
        self._ports.close()


def _by_hand(port: PublishedPort) -> bool:
    """Whether the kernel does not carry it."""
    _, host_ip, _, forwarded = port
    return forwarded or ":" in host_ip
