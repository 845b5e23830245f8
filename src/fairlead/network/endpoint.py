"""One endpoint in the kernel: veth pair, addresses, routes, of both families.

On an open network the host's end is a port of the bridge. On a private one (without icc) it is no port: the host has
a route to each address behind it, and the container sends everything, also what is for its neighbours, to the
gateway (docs/decisions/0008). Names derive from ids, so undoing needs no memory.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.model.container import Endpoint
from fairlead.model.network import Network
from fairlead.network import netlink
from fairlead.network.sandbox import Sandbox

_HOST_MAC = b"\xee" * 6
"""Of the host's end of every routed pair: each is a segment of its own, so one address serves all."""
_SYSCTLS = "com.docker.network.endpoint.sysctls"
_PLAIN = re.compile("[A-Za-z0-9_-]+")
_ROUTED = {netlink.FORWARDING: 1, netlink.SEND_REDIRECTS: 0, netlink.ROUTE_LOCALNET: 1}
_CONF6 = Path("/proc/sys/net/ipv6/conf")
# Who it is and who its routers are, is ours to say; and nobody else has its addresses.
_IPV6 = {"disable_ipv6": "0", "accept_ra": "0", "accept_redirects": "0", "accept_dad": "0"}
_NO_LINK_LOCAL = {"addr_gen_mode": "1"}


def veth_prefix(instance: str) -> str:
    return f"fl{instance[:4]}"


def veth_name(instance: str, endpoint_id: str) -> str:
    """The host's end: `fl`, four digits of the daemon, eight of the endpoint (14 of 15 allowed)."""
    return f"{veth_prefix(instance)}{endpoint_id[:8]}"


def mac_for(address: IPv4Address | IPv6Address) -> str:
    """02:42 and the address, as Docker has it: one address, one MAC, so no ARP cache is ever wrong."""
    return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + address.packed[-4:])


def mac_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def setup(
    host: netlink.Netlink, sandbox: Sandbox, network: Network, endpoint: Endpoint, *,
    instance: str, bridge: int, ways: tuple[bool, bool],
) -> None:  # fmt: skip
    """Makes the endpoint. The caller undoes with `teardown`. `ways`: its gateways are the default routes (v4, v6)."""
    name = veth_name(instance, endpoint.id)
    pair = (name, sandbox.fd, endpoint.interface, mac_bytes(endpoint.mac_address), network.mtu)
    routed = is_routed(network)
    try:
        if routed:
            host.request(netlink.add_veth(*pair, mac=_HOST_MAC))
            _route(host, socket.if_nametoindex(name), name, network, endpoint)
        else:
            host.request(netlink.add_veth(*pair, bridge=bridge))
            _port(host, socket.if_nametoindex(name), network)
        settle(sandbox, network, endpoint, ways, routed=routed)
    except OSError as error:
        raise SystemFailure(f"attach {name} to {network.bridge}: {error.strerror}") from error


def settle(
    sandbox: Sandbox, network: Network, endpoint: Endpoint, ways: tuple[bool, bool], *, routed: bool = False
) -> None:
    """The device is there: it gets its addresses and routes."""
    if endpoint.address6 is not None or any(own.version == 6 for own in endpoint.link_local):
        sandbox.write(_settings(endpoint.interface, {**_IPV6, **(_NO_LINK_LOCAL if routed else {})}))
    if endpoint.request.driver_opts:
        sandbox.write(_wanted_settings(endpoint))
    inner = sandbox.netlink()
    try:
        peer = inner.index(endpoint.interface)
        inner.request(netlink.set_up(peer), *_inside(peer, endpoint, network, ways, routed=routed))
        if network.direct and not network.closed:
            _leave_by_device(inner, peer, endpoint)
    finally:
        inner.close()


def _leave_by_device(inner: netlink.Netlink, peer: int, endpoint: Endpoint) -> None:
    """Default routes without a router; where there is one on another network, that stays."""
    for address in filter(None, (endpoint.address, endpoint.address6)):
        try:
            inner.request(netlink.add_device_route(address.version, peer))
        except FileExistsError:
            continue


def is_routed(network: Network) -> bool:
    return not (network.icc or network.inhibited) and (network.gateway is not None or network.gateway6 is not None)


def _port(host: netlink.Netlink, index: int, network: Network) -> None:
    host.request(netlink.reflect_port(index))
    if not network.icc:  # and the host has no address either: nobody is to be reached from here
        host.request(netlink.isolate_port(index))


def mend(host: netlink.Netlink, network: Network, endpoint: Endpoint, *, instance: str, bridge: int) -> bool:
    """The host's end as it is meant to be, whatever somebody did to it; False if it is gone."""
    name = veth_name(instance, endpoint.id)
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        return False
    try:
        if is_routed(network):
            host.request(netlink.set_up(index))
            _route(host, index, name, network, endpoint)
        else:
            host.request(netlink.set_master(index, bridge), netlink.set_up(index))
            _port(host, index, network)
    except OSError as error:
        raise SystemFailure(f"mend {name} of {network.name}: {error.strerror}") from error
    return True


def mend_bridge(host: netlink.Netlink, network: Network, index: int) -> None:
    """The routes to a network's subnets, which come with its addresses but may be taken away alone."""
    pairs = ((network.subnet, None if network.inhibited else network.gateway), (network.subnet6, network.gateway6))
    steps = [netlink.add_subnet_route(subnet, index, gateway) for subnet, gateway in pairs if subnet and gateway]
    if not steps:
        return
    try:
        host.request(*steps)
    except OSError as error:
        raise SystemFailure(f"mend routes of {network.name}: {error.strerror}") from error


def _settings(device: str, values: dict[str, str]) -> dict[Path, str]:
    return {_CONF6 / device / name: value for name, value in values.items()}


def _wanted_settings(endpoint: Endpoint) -> dict[Path, str]:
    """`net.ipv4.conf.IFNAME.log_martians=1,…` of the user's choice, for its interface."""
    wanted = {}
    for text in filter(None, endpoint.request.driver_opts.get(_SYSCTLS, "").split(",")):
        name, equals, value = text.partition("=")
        parts = name.split(".")
        if not equals:
            raise SystemFailure(f"expected sysctl '{text}' to have format name=value")
        if len(parts) != 5 or parts[0] != "net" or not all(_PLAIN.fullmatch(part) for part in parts):
            raise SystemFailure(f"expected sysctl '{text}' to have format net.X.Y.IFNAME.Z")
        wanted[Path("/proc/sys/net", *parts[1:3], endpoint.interface, parts[4])] = value
    return wanted


def _route(host: netlink.Netlink, index: int, name: str, network: Network, endpoint: Endpoint) -> None:
    """The host's way to what is behind a pair of its own. No neighbour has to be asked for it."""
    steps = [netlink.configure(index, _ROUTED)]
    if endpoint.address is not None and network.gateway is not None:
        steps.append(netlink.add_host_route(endpoint.address.ip, index, network.gateway))
    if endpoint.address6 is not None and network.gateway6 is not None:
        for path, value in _settings(name, {**_NO_LINK_LOCAL, "disable_ipv6": "0"}).items():
            path.write_text(value)
        steps.append(netlink.add_neighbour(endpoint.address6.ip, mac_bytes(endpoint.mac_address), index))
        steps.append(netlink.add_host_route(endpoint.address6.ip, index, network.gateway6))
    host.request(*steps)


def _inside(
    peer: int, endpoint: Endpoint, network: Network, ways: tuple[bool, bool], *, routed: bool
) -> list[bytes]:
    steps: list[bytes] = []
    for address, gateway, default in (
        (endpoint.address, network.router4(endpoint.address), ways[0]),
        (endpoint.address6, network.router6(endpoint.address6), ways[1]),
    ):
        if address is not None:
            steps += _one_family(peer, address, gateway if routed else None)
            if default and gateway is not None:
                steps.append(netlink.add_default_route(gateway))
    steps += [netlink.add_address(peer, own, prefix_route=not routed) for own in endpoint.link_local]
    return steps


def _one_family(
    peer: int, address: IPv4Interface | IPv6Interface, routed: IPv4Address | IPv6Address | None
) -> list[bytes]:
    """Address and routes; `routed`: everything, neighbours too, goes through this gateway, which needs no ARP."""
    steps = [netlink.add_address(peer, address, prefix_route=routed is None)]
    if routed is not None:
        steps.append(netlink.add_neighbour(routed, _HOST_MAC, peer))
        steps.append(netlink.add_host_route(routed, peer, address.ip))
        steps.append(netlink.add_route_via(address.network, routed))
    return steps


def teardown(host: netlink.Netlink, instance: str, endpoint_id: str) -> None:
    """Removes the pair; absent is fine (the namespace may have taken it along)."""
    try:
        host.request(netlink.delete_device(name=veth_name(instance, endpoint_id)))
    except OSError as error:
        if error.errno != 19:  # ENODEV
            raise SystemFailure(f"remove endpoint {endpoint_id[:12]}: {error.strerror}") from error


def uproot(sandbox: Sandbox, endpoint: Endpoint) -> None:
    """Removes the pair from the container's side, wherever its other end may be; absent is fine."""
    inner = sandbox.netlink()
    try:
        inner.request(netlink.delete_device(name=endpoint.interface))
    except OSError as error:
        if error.errno != 19:  # ENODEV
            raise SystemFailure(f"remove {endpoint.interface}: {error.strerror}") from error
    finally:
        inner.close()


def set_default_routes(sandbox: Sandbox, *gateways: IPv4Address | IPv6Address | None) -> None:
    """The ways out of a sandbox that runs; those that went with their devices are not looked for."""
    steps = [netlink.add_default_route(gateway) for gateway in gateways if gateway is not None]
    if not steps:
        return
    inner = sandbox.netlink()
    try:
        inner.request(*steps)
    except OSError as error:
        raise SystemFailure(f"set default route: {error.strerror}") from error
    finally:
        inner.close()
