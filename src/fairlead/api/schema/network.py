"""Networks in Docker's JSON: create bodies in, list entries and inspect out."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from fairlead.api.schema import times
from fairlead.api.schema.fields import Fields
from fairlead.errors import InvalidParameter
from fairlead.model.container import Endpoint
from fairlead.model.network import Network, Segment
from fairlead.model.request import NetworkRequest, SubnetRequest


def parse_create(body: Mapping[str, Any]) -> NetworkRequest:
    fields = Fields(body, "CreateRequest")
    name = fields.text("Name")
    if not name.strip():
        raise InvalidParameter(f"invalid name: {name}" if name else "network name cannot be empty")
    configured = fields.child("ConfigFrom")
    ipam = fields.child("IPAM")
    if ipam is not None and ipam.text("Driver") not in ("", "default"):
        raise InvalidParameter(f'plugin "{ipam.text("Driver")}" not found')
    return NetworkRequest(
        name=name,
        driver=fields.text("Driver") or "bridge",
        scope=fields.text("Scope"),
        config_only=fields.flag("ConfigOnly"),
        config_from=configured.text("Network") if configured is not None else "",
        ingress=fields.flag("Ingress"),
        subnets=tuple(_parse_subnet(item) for item in ipam.children("Config")) if ipam is not None else (),
        ipam_options=ipam.text_mapping("Options") if ipam is not None else {},
        internal=fields.flag("Internal"),
        attachable=fields.flag("Attachable"),
        ipv4=fields.optional_flag("EnableIPv4") is not False,
        ipv6=fields.flag("EnableIPv6"),
        labels=fields.text_mapping("Labels"),
        options=fields.text_mapping("Options"),
    )


def _parse_subnet(fields: Fields) -> SubnetRequest:
    return SubnetRequest(
        subnet=fields.text("Subnet"),
        ip_range=fields.text("IPRange"),
        gateway=fields.text("Gateway"),
        aux_addresses=fields.text_mapping("AuxiliaryAddresses"),
    )


def render(network: Network, members: Mapping[str, tuple[str, Endpoint]]) -> dict[str, Any]:
    """`members`: container id → its name and its endpoint here."""
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": times.render(network.created),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": network.ipv4,
        "EnableIPv6": network.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": dict(network.ipam_options) if not network.predefined else None,
            "Config": _render_subnets(network) or (None if network.driver in ("host", "null") else []),
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": network.config_from},
        "ConfigOnly": network.config_only,
        "Containers": {
            container_id: _render_member(name, endpoint) for container_id, (name, endpoint) in sorted(members.items())
        },
        "Options": dict(network.options),
        "Labels": dict(network.labels),
    }


def _render_subnets(network: Network) -> list[dict[str, Any]]:
    segments = (segment for version in (4, 6) for segment in network.segments(version))
    return [_render_segment(segment, network.aux_addresses) for segment in segments]


def _render_segment(segment: Segment, aux_addresses: Mapping[str, str]) -> dict[str, Any]:
    value: dict[str, Any] = {"Subnet": str(segment.subnet)}
    if segment.ip_range is not None:
        value["IPRange"] = str(segment.ip_range)
    if segment.gateway is not None:
        value["Gateway"] = str(segment.gateway)
    if aux := {name: text for name, text in aux_addresses.items() if ip_address(text) in segment.subnet}:
        value["AuxiliaryAddresses"] = aux
    return value


def _render_member(name: str, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "Name": name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac_address,
        "IPv4Address": str(endpoint.address) if endpoint.address is not None else "",
        "IPv6Address": str(endpoint.address6) if endpoint.address6 is not None else "",
    }
