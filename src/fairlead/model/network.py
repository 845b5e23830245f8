"""A network and its addresses, as values. Words follow libnetwork: network, endpoint, pool, gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network

ANY_ADDRESS = IPv4Address("0.0.0.0")


MODE_LABEL = "fairlead.publish-mode"
"""The label of a container that says its publish mode; with `.80/tcp` behind it, that of one port."""


class PublishMode(StrEnum):
    """Who carries the bytes of a published port: the kernel (DNAT), or the daemon, behind the host's INPUT rules."""

    KERNEL = "kernel"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network. `bridge` is the kernel device's name (bridge driver only)."""

    id: str
    name: str
    driver: str = "bridge"
    created: datetime
    bridge: str = ""
    subnet: IPv4Network | None = None
    ip_range: IPv4Network | None = None
    gateway: IPv4Address | None = None
    aux_addresses: Mapping[str, str] = field(default_factory=dict)
    subnet6: IPv6Network | None = None
    internal: bool = False
    attachable: bool = False
    icc: bool = True
    masquerade: bool = True
    mtu: int = 1500
    host_ip: IPv4Address = ANY_ADDRESS
    """Default address that published ports bind to."""
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    predefined: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """An address given to a name on a network. Kept while the container exists, and after (`held` false) as long
    as nobody else needs the address, so that a container re-created under the name gets it again."""

    network_id: str
    name: str
    address: IPv4Address
    held: bool


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """Leave for packets of `consumer` to reach one port of `source` on a network that isolates its containers."""

    consumer: IPv4Address
    source: IPv4Address
    protocol: str
    port: int
