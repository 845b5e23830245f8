"""Whether a container may join a network, and with what it asks for there: Docker's rules and words. Pure.

(What can be known to be wrong without the network itself: api/schema/networking.py.)
"""

from __future__ import annotations

from ipaddress import ip_address

from fairlead.engine import subnets
from fairlead.errors import Conflict, Forbidden, InvalidParameter
from fairlead.model.container import Container, EndpointRequest
from fairlead.model.network import Network


def check(network: Network, request: EndpointRequest) -> None:
    """Names and addresses are for networks of the user; addresses lie in subnets of the user's choice."""
    faults = (
        predefined_faults(request)
        if network.predefined
        else [
            fault
            for text, static in ((request.ipv4_address, network.static), (request.ipv6_address, network.static6))
            if text and (fault := _fault(text, network, static=static))
        ]
    )
    if faults:
        raise InvalidParameter(f"invalid endpoint settings:\n{subnets.joined(faults)}")


def predefined_faults(request: EndpointRequest) -> list[str]:
    faults = []
    if request.ipv4_address or request.ipv6_address:
        faults.append("user specified IP address is supported on user defined networks only")
    if request.aliases:
        faults.append("network-scoped alias is supported only for containers in user defined networks")
    return faults


def check_member(network: Network, request: EndpointRequest) -> None:
    """What Docker finds out only when the container is to be there."""
    if network.config_only:
        raise Forbidden("cannot create endpoint on configuration-only network")
    for text in request.link_local_ips:
        if not ip_address(text).is_link_local:
            raise InvalidParameter(f"invalid link local IP address: {text}")


def _fault(text: str, network: Network, *, static: bool) -> str:
    if not static:
        return "user specified IP address is supported only when connecting to networks with user configured subnets"
    if network.segment_of(ip_address(text)) is None:
        return f"no configured subnet or ip-range contain the IP address {text}"
    return ""


def check_connect(container: Container, network: Network, request: EndpointRequest) -> None:
    mode = container.host_config.network_mode
    if mode == "host" or mode.startswith("container:"):
        raise Conflict(
            "container sharing network namespace with another container or host cannot be connected "
            "to any other network"
        )
    if network.name == "host":
        raise Conflict("cannot connect container to host network - container must be created in host network mode")
    if "none" in (network.name, *(end.network_name for end in container.endpoints)):
        raise Conflict(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    if any(end.network_id == network.id for end in container.endpoints):
        raise Forbidden(f"endpoint with name {container.name} already exists in network {network.name}")
    check(network, request)
    if container.state.status.running:
        check_member(network, request)
