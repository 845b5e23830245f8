"""Which host ports a container is to get, before anybody looks whether they are free. Pure.

Rules: Docker's (`-p`, `-P`; moby's portmapper): exact numbers first, so that no chosen one takes them; a wish without
an address binds 0.0.0.0 and [::] with one number. Ours: a chosen number is had again at the next start, if it is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address

from fairlead.model.container import Port, PortBinding, PublishedPort

ANY4, ANY6 = "0.0.0.0", "::"


@dataclass(frozen=True, slots=True)
class Wish:
    """One binding to make: on which addresses, within which host ports (0, 0 = any), and which of them first."""

    port: Port
    addresses: tuple[str, ...]
    first: int = 0
    last: int = 0
    preferred: int = 0
    forwarded: bool = False

    @property
    def exact(self) -> bool:
        return self.first != 0 and self.first == self.last

    @property
    def order(self) -> tuple[bool, int, bool, int]:
        return (not self.exact, self.port.number, self.port.protocol != "tcp", self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the network and the host say: the default address, and whether [::] can be bound."""

    default_ip: IPv4Address
    ipv6: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where a port is bound that names no address."""
        if self.default_ip != IPv4Address(0):
            return (str(self.default_ip),)
        return (ANY4, ANY6) if self.ipv6 else (ANY4,)


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
    default = terms.addresses
    for port in sorted(exposed, key=lambda port: (port.number, port.protocol)):  # thrice as fast as comparing them
        if port in bindings:
            carried = forwarded(port)
            out += [_wish(port, binding, default, forwarded=carried) for binding in bindings[port] or (PortBinding(),)]
        elif publish_all:
            out.append(Wish(port, default, forwarded=forwarded(port)))
    out.sort(key=lambda wish: wish.order)
    return _preferring(out, remembered) if remembered else out


def _wish(port: Port, binding: PortBinding, default: tuple[str, ...], *, forwarded: bool) -> Wish:
    addresses = (str(ip_address(binding.host_ip)),) if binding.host_ip else default
    text = binding.host_port.partition("/")[0]
    first, _, last = text.partition("-")
    low = int(first) if first else 0
    return Wish(port, addresses, low, int(last) if last else low, forwarded=forwarded)


def _preferring(wishes: list[Wish], remembered: Sequence[PublishedPort]) -> list[Wish]:
    numbers: dict[tuple[Port, str], list[int]] = {}
    for item in remembered:
        numbers.setdefault((item.port, item.host_ip), []).append(item.host_port)
    out = []
    for wish in wishes:
        last = numbers.get((wish.port, wish.addresses[0]), [])
        fitting = [] if wish.exact else [n for n in last if not wish.first or wish.first <= n <= wish.last]
        if fitting:
            last.remove(fitting[0])
            wish = replace(wish, preferred=fitting[0])
        out.append(wish)
    return out


def chosen(
    published: Sequence[PublishedPort], bindings: Mapping[Port, tuple[PortBinding, ...]]
) -> tuple[PublishedPort, ...]:
    """Those whose number was our choice: worth remembering while the container does not run."""
    exact = {(port, binding.host_port) for port, wishes in bindings.items() for binding in wishes}
    return tuple(item for item in published if (item.port, str(item.host_port)) not in exact)


def covers(binding: PortBinding, item: PublishedPort) -> bool:
    """Whether the published port can have come from the binding."""
    if binding.host_ip and str(ip_address(binding.host_ip)) != item.host_ip:
        return False
    first, _, last = binding.host_port.partition("-")
    return not first or int(first) <= item.host_port <= int(last or first)
