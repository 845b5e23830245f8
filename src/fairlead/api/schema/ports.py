"""Ports, port bindings and published ports in Docker's JSON (`80/tcp`, `[{"HostIp": …, "HostPort": "8080"}]`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from fairlead.api.schema.fields import Fields
from fairlead.errors import InvalidParameter
from fairlead.model.container import Port, PortBinding, PublishedPort
from fairlead.model.network import PublishMode
from fairlead.model.request import PortChange

PROTOCOLS = ("tcp", "udp", "sctp")


def parse_port(text: str) -> Port:
    """`80`, `80/udp` → Port."""
    number, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash and protocol else "tcp"
    if not _is_port(number) or protocol not in PROTOCOLS:
        raise _invalid(text)
    return Port(int(number), protocol)


def parse_exposed(value: Mapping[str, Any]) -> frozenset[Port]:
    return frozenset(parse_port(text) for text in value)


def parse_bindings(value: Mapping[str, Any]) -> dict[Port, tuple[PortBinding, ...]]:
    return {parse_port(text): _bindings(wishes) for text, wishes in value.items()}


def _bindings(wishes: object) -> tuple[PortBinding, ...]:
    if wishes is None:
        return ()
    if not isinstance(wishes, list) or not all(isinstance(wish, dict) for wish in wishes):
        raise InvalidParameter("invalid JSON: json: cannot unmarshal into Go value of type []nat.PortBinding")
    return tuple(_binding(wish) for wish in wishes)


def _binding(wish: Mapping[str, Any]) -> PortBinding:
    host_ip, host_port = wish.get("HostIp") or "", wish.get("HostPort") or ""
    if not isinstance(host_ip, str) or not isinstance(host_port, str):
        raise InvalidParameter(
            "invalid JSON: json: cannot unmarshal number into Go struct field PortBinding.HostPort of type string"
        )
    number = host_port.partition("/")[0]
    first, dash, last = number.partition("-")
    if number and not (_is_port(first) and (not dash or (_is_port(last) and int(first) <= int(last)))):
        raise _invalid(host_port)
    return PortBinding(host_ip, number)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 65535


def _invalid(text: str) -> InvalidParameter:
    return InvalidParameter(f'invalid port specification: "{text}"')


def parse_change(fields: Fields) -> PortChange:
    """Body of our own verb: bindings to add and to remove, and who is to carry the added ones."""
    add, remove = parse_bindings(fields.mapping("Add")), parse_bindings(fields.mapping("Remove"))
    if not add and not remove:
        raise InvalidParameter("no ports to add or to remove")
    for wish in (wish for wishes in (*add.values(), *remove.values()) for wish in wishes):
        if wish.host_ip and not is_address(wish.host_ip):
            raise InvalidParameter(f"invalid IP address: {wish.host_ip}")
    text = fields.text("Mode")
    if text and text not in PublishMode.__members__.values():
        raise InvalidParameter(f'invalid publish mode "{text}": use kernel or forward')
    return PortChange(add=add, remove=remove, mode=PublishMode(text) if text else None)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def render_bindings(bindings: Mapping[Port, Iterable[PortBinding]]) -> dict[str, Any]:
    return {
        str(port): [{"HostIp": wish.host_ip, "HostPort": wish.host_port} for wish in wishes]
        for port, wishes in bindings.items()
    }


def render_published(exposed: Iterable[Port], published: Sequence[PublishedPort]) -> dict[str, Any]:
    """NetworkSettings.Ports of a running container: null for a port that is exposed only."""
    ports: dict[str, Any] = {str(port): None for port in sorted(exposed)}
    for item in sorted(published, key=_order):
        key = str(item.port)
        if ports.get(key) is None:
            ports[key] = []
        ports[key].append({"HostIp": item.host_ip, "HostPort": str(item.host_port or "")})
    return ports


def render_summary(exposed: Iterable[Port], published: Sequence[PublishedPort]) -> list[dict[str, Any]]:
    """`Ports` of a list entry."""
    bound = {item.port for item in published}
    entries = [_summary(item) for item in sorted(published, key=_order)]
    entries += [{"PrivatePort": port.number, "Type": port.protocol} for port in sorted(exposed) if port not in bound]
    return entries


def _summary(item: PublishedPort) -> dict[str, Any]:
    public = {"PublicPort": item.host_port} if item.host_port else {}
    return {"IP": item.host_ip, "PrivatePort": item.port.number, **public, "Type": item.port.protocol}


def _order(item: PublishedPort) -> tuple[Port, bool, str, int]:
    return item.port, ":" in item.host_ip, item.host_ip, item.host_port
