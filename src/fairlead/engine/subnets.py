"""What a user says about a network's addresses (Docker's IPAM configuration), checked and parsed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from fairlead.errors import Forbidden, InvalidParameter
from fairlead.model.network import Segment
from fairlead.model.request import SubnetRequest

Subnet = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def parse(requests: Sequence[SubnetRequest], *, driver: str = "bridge") -> list[Segment]:
    """The subnets that are wanted. Raises with everything that is wrong, in Docker's words."""
    faults: list[str] = []
    asked = (request for request in requests if request.subnet or request.ip_range or request.gateway)
    found = [wanted for request in asked if (wanted := _one(request, faults)) is not None]
    if faults:
        raise InvalidParameter(f"invalid network config:\n{joined(faults)}")
    versions = [wanted.subnet.version for wanted in found]
    if driver == "bridge" and len(versions) > len(set(versions)):
        raise Forbidden("bridge driver doesn't support multiple subnets")
    return found


def sorted_out(segments: Iterable[Segment]) -> tuple[dict[str, Any], dict[str, Any], tuple[Segment, ...]]:
    """The fields of a network that hold the first of each family, and those that come after them."""
    firsts: dict[int, dict[str, Any]] = {4: {}, 6: {}}
    more = []
    for one in segments:
        first, suffix = firsts[one.subnet.version], "" if one.subnet.version == 4 else "6"
        if first:
            more.append(one)
        else:
            values = {"subnet": one.subnet, "ip_range": one.ip_range, "gateway": one.gateway, "static": True}
            first |= {f"{name}{suffix}": value for name, value in values.items()}
    return firsts[4], firsts[6], tuple(more)


def inside(subnet: Subnet, addresses: Mapping[str, str]) -> dict[str, str]:
    """Those of a network's auxiliary addresses that are of this subnet."""
    return {name: text for name, text in addresses.items() if ip_address(text) in subnet}


def joined(faults: Sequence[str]) -> str:
    """Several errors in one message, as Docker joins them."""
    if len(faults) == 1:
        return faults[0]
    return "\n".join(f"* {fault}" for fault in faults)


def _one(request: SubnetRequest, faults: list[str]) -> Segment | None:
    subnet = _network(request.subnet)
    if subnet is None:
        faults.append(f"invalid subnet {request.subnet}: invalid CIDR block notation")
        return None
    if _host_bits(request.subnet):
        faults.append(f"invalid subnet {request.subnet}: it should be {subnet}")
    ip_range = None
    if request.ip_range:
        faults += _range_faults(request.ip_range, subnet)
        ip_range = _network(request.ip_range)
    gateway = None
    if request.gateway:
        faults += [f"invalid gateway {request.gateway}: {fault}" for fault in _address_faults(request.gateway, subnet)]
        gateway = _address(request.gateway)
    for name, text in request.aux_addresses.items():
        faults += [f"invalid auxiliary address {name}: {fault}" for fault in _address_faults(text, subnet)]
    return Segment(subnet, ip_range, gateway)


def _range_faults(text: str, subnet: Subnet) -> Iterator[str]:
    ip_range = _network(text)
    if ip_range is None:
        yield f"invalid ip-range {text}: invalid CIDR block notation"
    elif ip_range.version != subnet.version:
        yield f"invalid ip-range {text}: parent subnet is an IPv{subnet.version} block"
    elif ip_range.prefixlen < subnet.prefixlen:
        yield f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"
    elif _host_bits(text):
        yield f"invalid ip-range {text}: it should be {ip_range}"
    elif not ip_range.overlaps(subnet):
        yield f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"


def _address_faults(text: str, subnet: Subnet) -> Iterator[str]:
    address = _address(text)
    if address is None:
        yield "invalid address"
    elif address.version != subnet.version:
        yield f"parent subnet is an IPv{subnet.version} block"
    elif address not in subnet:
        yield f"parent subnet {subnet} doesn't contain this address"


def _host_bits(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return True
    return False


def _network(text: str) -> Subnet | None:
    if "/" not in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def merged(requests: Iterable[SubnetRequest]) -> dict[str, str]:
    """The auxiliary addresses of all families."""
    return {name: text for request in requests for name, text in request.aux_addresses.items()}
