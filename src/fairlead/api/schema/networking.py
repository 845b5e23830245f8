"""Network attachments: `EndpointSettings`, `NetworkSettings`, `NetworkingConfig` ⇄ model endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from fairlead import ids
from fairlead.api.schema import ports
from fairlead.api.schema.fields import Fields
from fairlead.engine.attachments import predefined_faults
from fairlead.engine.subnets import joined
from fairlead.errors import InvalidParameter
from fairlead.model.container import Container, Endpoint, EndpointRequest
from fairlead.model.request import ContainerView

PREDEFINED = ("bridge", "host", "none")


def parse_endpoint(fields: Fields | None) -> EndpointRequest:
    if fields is None:
        return EndpointRequest()
    ipam = fields.child("IPAMConfig")
    return EndpointRequest(
        ipv4_address=ipam.text("IPv4Address") if ipam else "",
        ipv6_address=ipam.text("IPv6Address") if ipam else "",
        mac_address=fields.text("MacAddress"),
        aliases=fields.texts("Aliases"),
        links=fields.texts("Links"),
        link_local_ips=ipam.texts("LinkLocalIPs") if ipam else (),
        driver_opts=fields.text_mapping("DriverOpts"),
        gw_priority=fields.integer("GwPriority"),
    )


def parse_networking(fields: Fields | None) -> dict[str, EndpointRequest]:
    """`NetworkingConfig.EndpointsConfig` of a create body, by network; `default` is `bridge`."""
    endpoints = fields.child("EndpointsConfig") if fields is not None else None
    if fields is None or endpoints is None:
        return {}
    requests: dict[str, EndpointRequest] = {}
    for name in fields.mapping("EndpointsConfig"):
        request = parse_endpoint(endpoints.child(name))
        real = "bridge" if name == "default" else name
        try:
            check_endpoint(real, request)
        except InvalidParameter as error:
            raise InvalidParameter(f"invalid config for network {real}: {error.message}") from error
        requests[real] = request
    return requests


def check_endpoint(network: str, request: EndpointRequest) -> None:
    """What can be known to be wrong without looking at the network itself."""
    if faults := [*(predefined_faults(request) if network in PREDEFINED else ()), *_address_faults(request)]:
        raise InvalidParameter(f"invalid endpoint settings:\n{joined(faults)}")


def _address_faults(request: EndpointRequest) -> list[str]:
    faults = []
    if request.ipv4_address and not _is(IPv4Address, request.ipv4_address):
        faults.append(f"invalid IPv4 address: {request.ipv4_address}")
    if request.ipv6_address and not _is(IPv6Address, request.ipv6_address):
        faults.append(f"invalid IPv6 address: {request.ipv6_address}")
    for text in request.link_local_ips:
        if not (_is(IPv4Address, text) or _is(IPv6Address, text)):
            faults.append(f"invalid link-local IP address: {text}")
    return faults


def _is(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        address = kind(text)
    except AddressValueError:
        return False
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    return not (mapped or address.is_unspecified)


def render_endpoints(container: Container, version: tuple[int, int]) -> dict[str, Any]:
    running = container.state.status.running
    return {
        endpoint.network_name: render_endpoint(container, endpoint, version, running=running)
        for endpoint in container.endpoints
    }


def render_endpoint(
    container: Container, endpoint: Endpoint, version: tuple[int, int], *, running: bool
) -> dict[str, Any]:
    """One attachment; the address of a stopped container is reserved for it, but not told, as in Docker."""
    request = endpoint.request
    aliases = list(request.aliases)
    names: list[str] = []
    if endpoint.network_name not in PREDEFINED:
        own = [ids.short(container.id), container.config.hostname]
        names = list(dict.fromkeys([container.name, *aliases, *filter(None, own)]))
        if version < (1, 45):
            aliases = list(dict.fromkeys([*aliases, *filter(None, own)]))
    address = endpoint.address if running else None
    address6 = endpoint.address6 if running else None
    return {
        "IPAMConfig": _render_ipam(request, endpoint),
        "Links": list(request.links) or None,
        "Aliases": aliases or None,
        "MacAddress": endpoint.mac_address if running else request.mac_address,
        "DriverOpts": dict(request.driver_opts) or None,
        "GwPriority": request.gw_priority,
        "NetworkID": endpoint.network_id,
        "EndpointID": endpoint.id if running else "",
        "Gateway": str(endpoint.gateway) if running and endpoint.gateway else "",
        "IPAddress": str(address.ip) if address else "",
        "IPPrefixLen": address.network.prefixlen if address else 0,
        "IPv6Gateway": str(endpoint.gateway6) if running and endpoint.gateway6 else "",
        "GlobalIPv6Address": str(address6.ip) if address6 else "",
        "GlobalIPv6PrefixLen": address6.network.prefixlen if address6 else 0,
        "DNSNames": names or None,
    }


def _render_ipam(request: EndpointRequest, endpoint: Endpoint) -> dict[str, Any] | None:
    value = {
        "IPv4Address": request.ipv4_address,
        "IPv6Address": request.ipv6_address,
        "LinkLocalIPs": list(request.link_local_ips),
    }
    given = {name: item for name, item in value.items() if item}
    if given or endpoint.network_name in PREDEFINED:
        return given or None
    return {}


def render_settings(view: ContainerView, version: tuple[int, int]) -> dict[str, Any]:
    """`NetworkSettings` of inspect; the members outside `Networks` repeat the default bridge's."""
    container = view.container
    running = container.state.status.running
    networks = render_endpoints(container, version)
    legacy: Mapping[str, Any] = networks.get("bridge", {})
    pid = container.state.pid
    return {
        "Bridge": "",
        "SandboxID": container.id if running else "",
        "SandboxKey": f"/proc/{pid}/ns/net" if running and pid else "",
        "Ports": ports.render_published(_exposed(container), view.published) if running else {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": legacy.get("EndpointID", ""),
        "Gateway": legacy.get("Gateway", ""),
        "GlobalIPv6Address": legacy.get("GlobalIPv6Address", ""),
        "GlobalIPv6PrefixLen": legacy.get("GlobalIPv6PrefixLen", 0),
        "IPAddress": legacy.get("IPAddress", ""),
        "IPPrefixLen": legacy.get("IPPrefixLen", 0),
        "IPv6Gateway": legacy.get("IPv6Gateway", ""),
        "MacAddress": legacy.get("MacAddress", ""),
        "Networks": networks,
    }


def render_summary_ports(view: ContainerView) -> list[dict[str, Any]]:
    if not view.container.state.status.running:
        return []
    return ports.render_summary(_exposed(view.container), view.published)


def _exposed(container: Container) -> list[Any]:
    """Exposed ports count only where the container has a network of its own."""
    return list(container.config.exposed_ports) if container.endpoints else []
