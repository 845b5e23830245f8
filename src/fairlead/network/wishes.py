"""Which host ports a container is to get, before anybody looks whether they are free. Pure.

Rules: Docker's (`-p`, `-P`; moby's portmapper): exact numbers first, so that no chosen one takes them; a wish without
an address binds 0.0.0.0 and [::] with one number. Ours: a chosen number is had again at the next start, if it is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from fairlead.model.container import Port, PortBinding, PublishedPort

ANY4, ANY6 = "0.0.0.0", "::"


class Wish(NamedTuple):
    """One binding to make: on which addresses, within which host ports (0, 0 = any), and which of them first."""

    port: Port
    addresses: tuple[str, ...]
    first: int = 0
    last: int = 0
    preferred: int = 0
    forwarded: bool = False
    routed: tuple[str, ...] = ()
    """Unspecified addresses of families in which nothing is bound: the container is asked by its own address."""

    @property
    def exact(self) -> bool:
        return self.first != 0 and self.first == self.last

    @property
    def order(self) -> tuple[bool, int, bool, int]:
        (number, protocol), _, first, last, *_ = self
        return (first == 0 or first != last, number, protocol != "tcp", first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the network and the host say: the default address, whether [::] can be bound, which families the container
    has, and in which of them its network is routed."""

    default_ip: IPv4Address
    ipv6: bool
    inside4: bool = True
    inside6: bool = False
    routed: frozenset[int] = frozenset()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where a port is bound that names no address."""
        if self.default_ip != IPv4Address(0):
            return (str(self.default_ip),)
        return (ANY4, ANY6) if self.ipv6 else (ANY4,)

    def split(self, addresses: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those to bind, and those of families that are routed.

        IPv4 does not lead to a container that has none, nor IPv6 to one whose IPv4 is routed. What is for the host's
        loopback alone is opened to nobody: the host has a route.
        """
        if self.inside4 and not self.routed:
            return addresses, ()
        bound, routed = [], []
        for address in addresses:
            version = 6 if ":" in address else 4
            inside = self.inside6 if version == 6 else self.inside4
            if inside and version in self.routed:
                if not ip_address(address).is_loopback:
                    routed.append(ANY6 if version == 6 else ANY4)
            elif inside or (version == 6 and 4 not in self.routed):
                bound.append(address)
        return tuple(bound), tuple(routed)


def wanted(
    exposed: Iterable[Port],
    bindings: Mapping[Port, tuple[PortBinding, ...]],
    terms: Terms,
    *,
    publish_all: bool,
    forwarded: Callable[[Port], bool],
    remembered: Sequence[PublishedPort] = (),
) -> list[Wish]:
    """What is to be published, in the order in which to bind it. Bindings of ports that are not exposed are ignored."""
    out: list[Wish] = []
    default, routed = terms.split(terms.addresses)
    for port in sorted(exposed):
        if (found := bindings.get(port)) is not None:
            carried = forwarded(port)
            for binding in found or (PortBinding(),):
                host_ip, host_port = binding
                if not host_ip and host_port.isdecimal():  # nearly always, and there may be thousands
                    number = int(host_port)
                    out.append(Wish(port, default, number, number, 0, carried, routed))
                else:
                    out.append(_wish(Wish(port, default, forwarded=carried, routed=routed), binding, terms))
        elif publish_all:
            out.append(Wish(port, default, forwarded=forwarded(port), routed=routed))
    out = [_translated(wish, terms) if wish.port.protocol == "sctp" else wish for wish in out]
    out = [wish for wish in out if wish.addresses or wish.routed]
    out.sort(key=lambda wish: wish.order)
    return _preferring(out, remembered) if remembered else out


def _wish(plain: Wish, binding: PortBinding, terms: Terms) -> Wish:
    addresses, routed = plain.addresses, plain.routed
    if binding.host_ip:
        addresses, routed = terms.split((str(ip_address(binding.host_ip)),))
    text = binding.host_port.partition("/")[0]
    first, _, last = text.partition("-")
    low = int(first) if first else 0
    return Wish(plain.port, addresses, low, int(last) if last else low, forwarded=plain.forwarded, routed=routed)


def _translated(wish: Wish, terms: Terms) -> Wish:
    """SCTP is the kernel's alone, whatever was asked for: the daemon carries none, not from [::] to IPv4 either."""
    addresses = wish.addresses if terms.inside6 else tuple(text for text in wish.addresses if ":" not in text)
    return wish._replace(addresses=addresses, forwarded=False)


def _preferring(wishes: list[Wish], remembered: Sequence[PublishedPort]) -> list[Wish]:
    numbers: dict[tuple[Port, str], list[int]] = {}
    for item in remembered:
        numbers.setdefault((item.port, item.host_ip), []).append(item.host_port)
    out = []
    for wish in wishes:
        last = numbers.get((wish.port, wish.addresses[0]), []) if wish.addresses else []
        fitting = [] if wish.exact else [n for n in last if not wish.first or wish.first <= n <= wish.last]
        if fitting:
            last.remove(fitting[0])
            wish = wish._replace(preferred=fitting[0])
        out.append(wish)
    return out


def chosen(
    published: Sequence[PublishedPort], bindings: Mapping[Port, tuple[PortBinding, ...]]
) -> tuple[PublishedPort, ...]:
    """Those whose number was our choice: worth remembering while the container does not run."""
    exact = {(port, binding.host_port) for port, wishes in bindings.items() for binding in wishes}
    return tuple(item for item in published if item.host_port and (item.port, str(item.host_port)) not in exact)


def covers(binding: PortBinding, item: PublishedPort) -> bool:
    """Whether the published port can have come from the binding."""
    if not item.host_port:
        return not binding.host_ip or (":" in binding.host_ip) == (":" in item.host_ip)
    if binding.host_ip and str(ip_address(binding.host_ip)) != item.host_ip:
        return False
    first, _, last = binding.host_port.partition("-")
    return not first or int(first) <= item.host_port <= int(last or first)
