"""Which elements of the firewall's sets and maps published ports need. Pure. (What they are for: firewall.py.)"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

from fairlead.model.container import Endpoint, PublishedPort
from fairlead.model.network import Network
from fairlead.network.firewall import Address, of_family
from fairlead.network.nft import Element, protocol, service

_ANY = ("0.0.0.0", "::", "")
_LOOPBACK = ("127.", "::1")
_MAPS = ("publish", "publish_at", "publish_range", "publish_range_at")


def elements(end: Endpoint, published: Sequence[PublishedPort], network: Network, *, direct: bool) -> list[Element]:
    """A run of ports that keep their numbers is one element, whatever its length.

    `direct`: whoever has a route may ask the container by its own address too.
    """
    out = _loopback(published)
    for address in (interface.ip for interface in (end.address, end.address6) if interface is not None):
        six = address.version == 6
        own = [port for port in published if (":" in port.host_ip) == six and not port.forwarded]
        out += _translations(address, [port for port in own if port.host_port and port.host_ip != "::1"])
        if direct or network.trusted or not all(port.host_port for port in own):
            out += _openings(address, own, network, direct=direct)
    return out


def _translations(address: Address, published: Sequence[PublishedPort]) -> list[Element]:
    out = []
    target = address.packed
    one, one_at, many, many_at = (of_family(name, address) for name in _MAPS)
    for host_ip, proto, first, last, container_port in _runs(published):
        at = host_ip not in _ANY
        prefix = ip_address(host_ip).packed + protocol(proto) if at else protocol(proto)
        if last > first:
            name = many_at if at else many
            out.append(Element(name, prefix + service(first), target, prefix + service(last)))
        else:
            out.append(Element(one_at if at else one, prefix + service(first), target + service(container_port)))
    return out


def _openings(address: Address, own: Sequence[PublishedPort], network: Network, *, direct: bool) -> list[Element]:
    """Ports of the container's own address; what is bound to the host's loopback alone is no one else's."""
    out: dict[tuple[str, bytes], Element] = {}
    for port in own:
        name = "direct" if direct or not port.host_port else "offered"
        if (name == "direct" or network.trusted) and not port.host_ip.startswith(_LOOPBACK):
            key = address.packed + protocol(port.port.protocol) + service(port.port.number)
            out[name, key] = Element(of_family(name, address), key)
    return list(out.values())


def _loopback(published: Sequence[PublishedPort]) -> list[Element]:
    """What is bound to 127.0.0.1 stays there, even on a host that takes packets for it from the wire."""
    out: list[Element] = []
    if not any(address.startswith("127.") for address in {port.host_ip for port in published}):
        return out
    for host_ip, proto, first, last, _ in _runs([port for port in published if port.host_ip.startswith("127.")]):
        key = IPv4Address(host_ip).packed + protocol(proto)
        out.append(Element("loopback", key + service(first), key_end=key + service(last)))
    return out


def _runs(published: Sequence[PublishedPort]) -> list[tuple[str, str, int, int, int]]:
    """(host ip, protocol, first, last, container port) with neighbours that keep their numbers joined."""
    # A dict keeps the order, which is nearly right already: that is soon sorted.
    rows = sorted(dict.fromkeys([(ip, proto, host_port, number) for (number, proto), ip, host_port, _ in published]))
    out: list[tuple[str, str, int, int, int]] = []
    begun: tuple[str, str, int] | None = None  # what the next of the last row's run is, if that is one
    for host_ip, proto, host_port, number in rows:
        if (host_ip, proto, host_port) == begun and host_port == number:
            out[-1] = (*out[-1][:3], host_port, out[-1][4])
        else:
            out.append((host_ip, proto, host_port, host_port, number))
        begun = (host_ip, proto, host_port + 1) if host_port == number else None
    return out
