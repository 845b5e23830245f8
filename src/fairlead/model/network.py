"""A network and its addresses, as values. Words follow libnetwork: network, endpoint, pool, gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address

ANY_ADDRESS = IPv4Address("0.0.0.0")
SHARING_DRIVERS = ("macvlan", "ipvlan")


MODE_LABEL = "fairlead.publish-mode"
"""The label of a container that says its publish mode; with `.80/tcp` behind it, that of one port."""


class PublishMode(StrEnum):
    """Who carries the bytes of a published port: the kernel (DNAT), or the daemon, behind the host's INPUT rules."""

    KERNEL = "kernel"
    FORWARD = "forward"


class GatewayMode(StrEnum):
    """How a bridge network is joined to the world, for one family."""

    NAT = "nat"
    """Others see the host's address; only published ports are reached from outside, by the host's addresses."""
    UNPROTECTED = "nat-unprotected"
    """The same, and whoever has a route reaches every port by the container's own address."""
    ROUTED = "routed"
    """No translation: published ports are reached by the container's own address."""
    ISOLATED = "isolated"
    """The host itself has no address on the bridge (internal networks only)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One subnet of a network: the part that addresses are given from (None: all of it), and its gateway."""

    subnet: IPv4Network | IPv6Network
    ip_range: IPv4Network | IPv6Network | None = None
    gateway: IPv4Address | IPv6Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network. `bridge` is the kernel device's name (bridge driver only).

    `static`, `static6`: the subnet is of the user's choice, so that containers may choose addresses of it.
    """

    id: str
    name: str
    driver: str = "bridge"
    created: datetime
    bridge: str = ""
    adopted: bool = False
    """The bridge was there before us, and stays after us."""
    ipv4: bool = True
    ipv6: bool = False
    subnet: IPv4Network | None = None
    ip_range: IPv4Network | None = None
    gateway: IPv4Address | None = None
    static: bool = False
    subnet6: IPv6Network | None = None
    ip_range6: IPv6Network | None = None
    gateway6: IPv6Address | None = None
    static6: bool = False
    more: tuple[Segment, ...] = ()
    """Further subnets, of both families: addresses are taken from them once those before are used up (drivers that
    share a device only)."""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)
    """Of both families: name → address that is kept for others."""
    gateway_mode: GatewayMode = GatewayMode.NAT
    gateway_mode6: GatewayMode = GatewayMode.NAT
    internal: bool = False
    attachable: bool = False
    icc: bool = True
    inhibited: bool = False
    """The bridge itself gets no IPv4 address: the gateway is somebody else."""
    masquerade: bool = True
    seen_as: IPv4Address | None = None
    """The address that others see where we translate; None: that of the device by which a packet leaves."""
    seen_as6: IPv6Address | None = None
    parent: str = ""
    """The host's device that the members' devices share (macvlan and ipvlan only)."""
    mode: str = ""
    """How they share it, in the driver's words; `flag` is ipvlan's second word."""
    flag: str = ""
    mtu: int = 1500
    host_ip: IPv4Address = ANY_ADDRESS
    """Default address that published ports bind to."""
    trusted: tuple[str, ...] = ()
    """Interfaces of the host from which published ports may be reached by the containers' own addresses."""
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    predefined: bool = False
    config_only: bool = False
    """No network, but the configuration of others to come: it holds no subnets, and nobody can join it."""
    config_from: str = ""
    """The name of the network whose configuration this one has."""

    def mode_of(self, version: int) -> GatewayMode:
        return self.gateway_mode if version == 4 else self.gateway_mode6

    def segments(self, version: int) -> tuple[Segment, ...]:
        """The subnets of one family, in the order in which addresses are taken from them."""
        subnet, ip_range, gateway = (
            (self.subnet, self.ip_range, self.gateway)
            if version == 4
            else (self.subnet6, self.ip_range6, self.gateway6)
        )
        if subnet is None:
            return ()
        return Segment(subnet, ip_range, gateway), *(one for one in self.more if one.subnet.version == version)

    @property
    def subnets(self) -> list[IPv4Network | IPv6Network]:
        return [one.subnet for version in (4, 6) for one in self.segments(version)]

    def segment_of(self, address: IPv4Address | IPv6Address) -> Segment | None:
        return next((one for one in self.segments(address.version) if address in one.subnet), None)

    def router4(self, address: IPv4Interface | None) -> IPv4Address | None:
        """Who takes on what a member with this address sends elsewhere: on an open bridge, another machine perhaps."""
        gateway = self._gateway_of(address)
        return gateway if isinstance(gateway, IPv4Address) else None

    def router6(self, address: IPv6Interface | None) -> IPv6Address | None:
        gateway = self._gateway_of(address)
        return gateway if isinstance(gateway, IPv6Address) else None

    def _gateway_of(self, address: IPv4Interface | IPv6Interface | None) -> IPv4Address | IPv6Address | None:
        segment = self.segment_of(address.ip) if address is not None else None
        if segment is None or address is None:
            return None
        other = self.aux_addresses.get(f"DefaultGatewayIPv{address.version}")
        return ip_address(other) if other and self.driver == "bridge" and self.icc else segment.gateway

    def seen_as_of(self, version: int) -> IPv4Address | IPv6Address | None:
        return self.seen_as if version == 4 else self.seen_as6

    @property
    def shares_device(self) -> bool:
        return self.driver in SHARING_DRIVERS

    @property
    def closed(self) -> bool:
        """Nobody gets out of it: it is internal, or the device that it shares leads nowhere."""
        return self.internal or (self.shares_device and not self.options.get("parent"))

    @property
    def direct(self) -> bool:
        """Members have no router: all they send leaves by the device (ipvlan's L3 modes)."""
        return self.mode in ("l3", "l3s")


@dataclass(frozen=True, slots=True)
class Lease:
    """An address given to a name on a network. Kept while the container exists, and after (`held` false) as long
    as nobody else needs the address, so that a container re-created under the name gets it again."""

    network_id: str
    name: str
    address: IPv4Address | IPv6Address
    held: bool


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """Leave for packets of `consumer` to reach one port of `source` on a network that isolates its containers.

    Both addresses are of one family.
    """

    consumer: IPv4Address | IPv6Address
    source: IPv4Address | IPv6Address
    protocol: str
    port: int
