"""One endpoint in the kernel: veth pair, bridge port, address, route.

Names derive from ids, so undoing needs no memory.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

from fairlead.errors import SystemFailure
from fairlead.model.container import Endpoint
from fairlead.model.network import Network
from fairlead.network import netlink
from fairlead.network.sandbox import Sandbox


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
    mac = mac_bytes(endpoint.mac_address)
    try:
        host.request(netlink.add_veth(name, bridge, sandbox.fd, interface, mac, network.mtu))
        host.request(netlink.reflect_port(_index(name)))
        inner = sandbox.netlink()
        try:
            peer = _peer_index(inner, interface)
            steps = [netlink.set_up(peer), netlink.add_address(peer, endpoint.address)]
            if default_route and endpoint.gateway is not None:
                steps.append(netlink.add_default_route(endpoint.gateway))
            inner.request(*steps)
        finally:
            inner.close()
    except OSError as error:
        raise SystemFailure(f"attach {name} to {network.bridge}: {error.strerror}") from error


def teardown(host: netlink.Netlink, instance: str, endpoint_id: str) -> None:
    """Removes the pair; absent is fine (the namespace may have taken it along)."""
    try:
        host.request(netlink.delete_device(name=veth_name(instance, endpoint_id)))
    except OSError as error:
        if error.errno != 19:  # ENODEV
            raise SystemFailure(f"remove endpoint {endpoint_id[:12]}: {error.strerror}") from error


def _index(name: str) -> int:
    return socket.if_nametoindex(name)


def _peer_index(inner: netlink.Netlink, interface: str) -> int:
    return next(device.index for device in inner.devices() if device.name == interface)
