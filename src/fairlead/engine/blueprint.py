"""What a network is to be, from what the user asked for: driver options in Docker's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeVar

from fairlead import ids
from fairlead.engine import subnets
from fairlead.errors import NO_MANAGER, Forbidden, InvalidParameter, NotFound, SystemFailure, Unavailable
from fairlead.model.network import SHARING_DRIVERS, GatewayMode, Network
from fairlead.model.request import NetworkRequest
from fairlead.model.settings import Settings

_NETWORK = "com.docker.network."
BRIDGE = f"{_NETWORK}bridge."
_MTU = "com.docker.network.driver.mtu"
_BRIDGE_NAME, _MODE4, _MODE6 = f"{BRIDGE}name", f"{BRIDGE}gateway_mode_ipv4", f"{BRIDGE}gateway_mode_ipv6"
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_IFNAMSIZ = 16
A = TypeVar("A", IPv4Address, IPv6Address)


def draw(request: NetworkRequest, settings: Settings) -> Network:
    """A network with everything but the subnets, ranges and gateways that it leaves to us."""
    _check_scope(request)
    if request.driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{request.driver}" network is allowed')
    if request.driver not in ("bridge", *SHARING_DRIVERS):
        raise NotFound(
            f'could not find plugin {request.driver} in v1 plugin registry: plugin "{request.driver}" not found'
        )
    if not request.ipv4 and not request.ipv6:
        raise InvalidParameter("IPv4 or IPv6 must be enabled")
    segments = subnets.parse(request.subnets, driver=request.driver)
    network = Network(
        id=ids.new_id(),
        name=request.name,
        driver=request.driver,
        created=datetime.now(UTC),
        ipv4=request.ipv4,
        ipv6=request.ipv6,
        aux_addresses=subnets.merged(request.subnets),
        internal=request.internal,
        attachable=request.attachable,
        mtu=_mtu(request.options, settings.mtu),
        labels=request.labels,
        options=request.options,
        ipam_options=request.ipam_options,
        config_from=request.config_from,
    )
    # What was said about a family that is off does not count.
    counted = [one for one in segments if (network.ipv4 if one.subnet.version == 4 else network.ipv6)]
    first4, first6, more = subnets.sorted_out(counted)
    network = replace(network, **first4, **first6, more=more)
    return _sharing(network, settings) if network.shares_device else _bridge(network, settings)


def _check_scope(request: NetworkRequest) -> None:
    """What is for clusters alone, in Docker's words for a machine that is in none."""
    if request.ingress:
        raise Forbidden("Ingress network can only be global scope network")
    if request.scope == "swarm":
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")
    if request.driver == "overlay" or request.scope not in ("", "local"):
        raise Unavailable(NO_MANAGER)


def with_gateways(network: Network) -> Network:
    """Once the subnets are known: the first address that nobody else is to have, where the host has one at all."""
    if network.shares_device and (network.closed or network.direct):
        return network
    kept = set(network.aux_addresses.values())
    if network.subnet is not None and network.gateway is None and network.gateway_mode is not GatewayMode.ISOLATED:
        network = replace(network, gateway=next(a for a in network.subnet.hosts() if str(a) not in kept))
    if network.subnet6 is not None and network.gateway6 is None and network.gateway_mode6 is not GatewayMode.ISOLATED:
        network = replace(network, gateway6=next(a for a in network.subnet6.hosts() if str(a) not in kept))
    more = (
        one if one.gateway else replace(one, gateway=next(a for a in one.subnet.hosts() if str(a) not in kept))
        for one in network.more
    )
    return replace(network, more=tuple(more))


def _bridge(network: Network, settings: Settings) -> Network:
    options = network.options
    name = options.get(_BRIDGE_NAME, "") or f"br-{settings.instance[:4]}{network.id[:8]}"
    if len(name.encode()) >= _IFNAMSIZ or "/" in name or name.split() != [name] or name in (".", ".."):
        raise InvalidParameter(f"invalid bridge name: {name}")
    _truth(options, f"{BRIDGE}default_bridge", default=False)
    modes = _mode(options, _MODE4), _mode(options, _MODE6)
    if GatewayMode.ISOLATED in modes and not network.internal:
        raise SystemFailure("gateway mode 'isolated' can only be used for an internal network")
    return replace(
        network,
        bridge=name,
        icc=_truth(options, f"{BRIDGE}enable_icc", default=True),
        inhibited=_truth(options, f"{BRIDGE}inhibit_ipv4", default=False),
        masquerade=_truth(options, f"{BRIDGE}enable_ip_masquerade", default=True),
        trusted=_interfaces(options),
        gateway_mode=modes[0],
        gateway_mode6=modes[1],
        host_ip=_address(options, f"{BRIDGE}host_binding_ipv4", IPv4Address) or settings.host_ip,
        seen_as=_address(options, f"{_NETWORK}host_ipv4", IPv4Address),
        seen_as6=_address(options, f"{_NETWORK}host_ipv6", IPv6Address),
    )


_MODES = {"macvlan": ("bridge", "private", "passthru", "vepa"), "ipvlan": ("l2", "l3", "l3s")}
_FLAGS = ("bridge", "private", "vepa")


def _sharing(network: Network, settings: Settings) -> Network:
    """macvlan and ipvlan. Without a parent they get one of their own, which leads nowhere."""
    driver, options = network.driver, network.options
    modes = _MODES[driver]
    mode = options.get(f"{driver}_mode") or modes[0]
    if mode not in modes:
        raise SystemFailure(
            f"requested {driver} mode '{mode}' is not valid, '{modes[0]}' mode is the {driver} driver default"
        )
    flag = (options.get("ipvlan_flag") or _FLAGS[0]) if driver == "ipvlan" else ""
    if flag and flag not in _FLAGS:
        raise SystemFailure(f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default")
    parent = options.get("parent", "")
    if parent == "lo":
        raise SystemFailure(f"loopback interface is not a valid {driver} parent link")
    prefix = "dm" if driver == "macvlan" else "di"
    parent = parent or f"{prefix}-{settings.instance[:4]}{network.id[:8]}"
    return replace(network, parent=parent, mode=mode, flag=flag, mtu=network.mtu if options.get(_MTU) else 0)


def _truth(options: Mapping[str, str], label: str, *, default: bool) -> bool:
    text = options.get(label)
    if text is None or text in _TRUE:
        return default if text is None else True
    if text in _FALSE:
        return False
    raise _unparsed(label, text, f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _mode(options: Mapping[str, str], label: str) -> GatewayMode:
    text = options.get(label, "") or GatewayMode.NAT.value
    try:
        return GatewayMode(text)
    except ValueError:
        raise _unparsed(label, text, f"unknown gateway mode {text}") from None


def _interfaces(options: Mapping[str, str]) -> tuple[str, ...]:
    label = f"{BRIDGE}trusted_host_interfaces"
    names = tuple(name for name in options.get(label, "").split(":") if name)
    for name in names:
        if len(name.encode()) >= _IFNAMSIZ or "/" in name or name.split() != [name]:
            raise _unparsed(label, name, "no name of an interface")
    return names


def _address(options: Mapping[str, str], label: str, kind: type[A]) -> A | None:
    if not (text := options.get(label, "")):
        return None
    try:
        return kind(text)
    except AddressValueError:
        raise _unparsed(label, text, "nil ip") from None


def _mtu(options: Mapping[str, str], default: int) -> int:
    text = options.get(_MTU, "")
    if not text:
        return default
    try:
        mtu = int(text)
    except ValueError:
        raise _unparsed(_MTU, text, f'strconv.Atoi: parsing "{text}": invalid syntax') from None
    if not 68 <= mtu <= 65535:
        raise InvalidParameter(f"invalid MTU number: {mtu}")
    return mtu


def _unparsed(label: str, text: str, why: str) -> InvalidParameter:
    return InvalidParameter(f"failed to parse {label} value: {text} ({why})")
