"""One endpoint in the kernel: veth pair, address, routes.

On an open network the host's end is a port of the bridge. On a private one (without icc) it is no port: the host has
a route to the one address behind it, and the container sends everything, also what is for its neighbours, to the
gateway (docs/decisions/0008). Names derive from ids, so undoing needs no memory.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Interface

from fairlead.errors import SystemFailure
from fairlead.model.container import Endpoint
from fairlead.model.network import Network
from fairlead.network import netlink
from fairlead.network.sandbox import Sandbox

_HOST_MAC = b"\xee" * 6
"""Of the host's end of every routed pair: each is a segment of its own, so one address serves all."""
_ROUTED = {netlink.FORWARDING: 1, netlink.SEND_REDIRECTS: 0, netlink.ROUTE_LOCALNET: 1}


def veth_prefix(instance: str) -> str:
    return f"fl{instance[:4]}"


def veth_name(instance: str, endpoint_id: str) -> str:
    """The host's end: `fl`, four digits of the daemon, eight of the endpoint (14 of 15 allowed)."""
    return f"{veth_prefix(instance)}{endpoint_id[:8]}"


def mac_for(address: IPv4Address) -> str:
    """02:42 and the address, as Docker has it: one address, one MAC, so no ARP cache is ever wrong."""
    return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + address.packed)


def mac_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def setup(
    host: netlink.Netlink, sandbox: Sandbox, network: Network, endpoint: Endpoint, *,
    instance: str, bridge: int, interface: str, default_route: bool,
) -> None:  # fmt: skip
    """Makes the endpoint. The caller undoes with `teardown`."""
    if endpoint.address is None:
        raise SystemFailure(f"connect endpoint {endpoint.id[:12]}: no address")
    name = veth_name(instance, endpoint.id)
    pair = (name, sandbox.fd, interface, mac_bytes(endpoint.mac_address), network.mtu)
    gateway = None if network.icc else network.gateway
    try:
        if gateway is None:
            host.request(netlink.add_veth(*pair, bridge=bridge))
            host.request(netlink.reflect_port(socket.if_nametoindex(name)))
        else:
            host.request(netlink.add_veth(*pair, mac=_HOST_MAC))
            index = socket.if_nametoindex(name)
            host.request(
                netlink.configure(index, _ROUTED), netlink.add_host_route(endpoint.address.ip, index, gateway)
            )
        inner = sandbox.netlink()
        try:
            peer = next(device.index for device in inner.devices() if device.name == interface)
            inside = _inside(peer, endpoint.address, endpoint.gateway, gateway, default_route=default_route)
            inner.request(netlink.set_up(peer), *inside)
        finally:
            inner.close()
    except OSError as error:
        raise SystemFailure(f"attach {name} to {network.bridge}: {error.strerror}") from error


def _inside(
    peer: int, address: IPv4Interface, gateway: IPv4Address | None, routed: IPv4Address | None, *, default_route: bool
) -> list[bytes]:
    """Address and routes; `routed`: everything, neighbours too, goes through this gateway, which needs no ARP."""
    steps = [netlink.add_address(peer, address, prefix_route=routed is None)]
    if routed is not None:
        steps.append(netlink.add_neighbour(routed, _HOST_MAC, peer))
        steps.append(netlink.add_host_route(routed, peer, address.ip))
        steps.append(netlink.add_route_via(address.network, routed))
    if default_route and gateway is not None:
        steps.append(netlink.add_default_route(gateway))
    return steps


def teardown(host: netlink.Netlink, instance: str, endpoint_id: str) -> None:
    """Removes the pair; absent is fine (the namespace may have taken it along)."""
    try:
        host.request(netlink.delete_device(name=veth_name(instance, endpoint_id)))
    except OSError as error:
        if error.errno != 19:  # ENODEV
            raise SystemFailure(f"remove endpoint {endpoint_id[:12]}: {error.strerror}") from error
