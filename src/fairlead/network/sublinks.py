"""macvlan and ipvlan networks: devices of containers upon a device of the host, its parent. Texts: Docker's.

The host's own rules see nothing of them: their packets come and go by the parent. A parent that is named as `eth0.50`
is made if need be, and so is one that nobody named, which leads nowhere. Such devices carry our mark (their alias):
they are found by it again, and go with the last network that needs them.

The kernel takes no second device with the MAC of one that is still there, and a namespace outlives its last process
for a while. So each endpoint's namespace is held until its device is deleted.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
from collections.abc import Iterable

from fairlead.errors import EngineError, SystemFailure
from fairlead.model.container import Endpoint
from fairlead.model.network import Network
from fairlead.network import endpoint, netlink
from fairlead.network.netlink import Netlink
from fairlead.network.sandbox import Sandbox

log = logging.getLogger(__name__)

_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
_IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
_IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
_NEEDS = {
    "macvlan": ("macvlan", "CONFIG_MACVLAN"),
    "ipvlan": ("ipvlan", "CONFIG_IPVLAN"),
    "vlan": ("8021q", "CONFIG_VLAN_8021Q"),
}
_UPWARDS_OF_NOBODY_MTU = 1500


def member(network: Network, end: Endpoint, parent: int, netns: int) -> bytes:
    """The message that makes an endpoint's device, where it is to be."""
    if network.driver == "macvlan":
        options = {1: struct.pack("I", _MACVLAN_MODES[network.mode])}
    else:
        flag = struct.pack("H", _IPVLAN_FLAGS[network.flag])
        options = {1: struct.pack("H", _IPVLAN_MODES[network.mode]), 2: flag}
    return netlink.add_device(
        network.driver, end.interface, parent=parent, options=options, mac=endpoint.mac_bytes(end.mac_address),
        mtu=network.mtu, netns=netns,
    )  # fmt: skip


def vlan(name: str, parent: int, number: int) -> bytes:
    """The message that makes a VLAN's device."""
    return netlink.add_device("vlan", name, parent=parent, options={1: struct.pack("H", number)})


def parse_vlan(name: str) -> tuple[str, int]:
    """`eth0.50` → the device and the VLAN's id."""
    if "." not in name:
        raise SystemFailure(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    parts = name.split(".")
    if len(parts) != 2:
        raise SystemFailure(
            f"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {name}"
        )
    device, text = parts
    if not (text.isascii() and text.lstrip("+-").isdigit()):
        raise SystemFailure(f"unable to parse a valid vlan id from: {text} (ex. eth0.10 for vlan 10)")
    if _index(device) is None:
        raise SystemFailure(f"-o parent interface was not found on the host: {device}")
    if not 1 <= int(text) <= 4094:
        raise SystemFailure(f"vlan id must be between 1-4094, received: {int(text)}")
    return device, int(text)


def _index(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


class Sublinks:
    """All networks of one daemon that share devices of the host, and the endpoints on them."""

    def __init__(self, link: Netlink, home: int, instance: str) -> None:
        self._link = link
        self._home = home
        self._mark = f"fairlead {instance}"
        self._networks: dict[str, Network] = {}
        self._held: dict[str, tuple[Sandbox, str]] = {}
        """Endpoint → a descriptor of its namespace, and the device's name in there."""

    def add(self, network: Network) -> None:
        """Takes the network on, with its parent. Raises with nothing made."""
        self._check_kernel(network.driver)
        self._check_neighbours(network)
        self._parent(network)
        self._networks[network.id] = network

    def restore(self, network: Network) -> None:
        """The same at a start of the daemon, where a parent may have gone: members look for it again."""
        try:
            self._networks[network.id] = network
            self._parent(network)
        except EngineError as error:
            log.warning("network %s: %s", network.name, error.message)

    def remove(self, network: Network) -> None:
        """Absent is fine. The parent goes if we made it and nobody else needs it."""
        self._networks.pop(network.id, None)
        self.sweep()

    def sweep(self) -> None:
        """Deletes parents of ours that no network has any more."""
        needed = {network.parent for network in self._networks.values()}
        for device in self._link.devices():
            if device.alias == self._mark and device.name not in needed:
                self._delete(self._link, device.name)

    def close(self, *, teardown: bool) -> None:
        """Lets go of what is held; with `teardown` removes the parents that are ours as well."""
        for box, _ in self._held.values():
            box.close()
        self._held.clear()
        if teardown:
            self._networks.clear()
            self.sweep()

    def is_parent(self, device: str) -> bool:
        return any(network.parent == device for network in self._networks.values())

    # -- what the kernel and the neighbours say ------------------------------------------------------

    def _check_kernel(self, kind: str) -> None:
        """Asks for a device that cannot be (it lacks its parent): why it is refused tells whether the kind is known."""
        try:
            self._link.request(netlink.add_device(kind))
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise _unknown(kind) from error

    def _check_neighbours(self, network: Network) -> None:
        for other in self._networks.values():
            if other.id == network.id or (other.parent, other.driver) != (network.parent, network.driver):
                continue
            if network.driver == "ipvlan":
                raise SystemFailure(f"network di-{other.id[:12]} is already using parent interface {network.parent}")
            if network.mode == "passthru":
                raise SystemFailure(
                    f"cannot use mode passthru, macvlan network {other.id} is already using parent interface "
                    f"{network.parent}"
                )
            if other.mode == "passthru":
                raise SystemFailure(
                    f"macvlan network {other.id} is already using parent interface {network.parent} in mode passthru"
                )

    # -- the parent ----------------------------------------------------------------------------------

    def _parent(self, network: Network) -> int:
        """Its index; made if it is not there and ours to make."""
        index = _index(network.parent)
        if index is not None:
            return index
        if network.options.get("parent"):
            self._make_vlan(network.parent)
        else:
            self._make_closed(network.parent)
        return socket.if_nametoindex(network.parent)

    def _make_vlan(self, name: str) -> None:
        device, number = parse_vlan(name)
        below = socket.if_nametoindex(device)
        try:
            self._link.request(vlan(name, below, number))
            self._link.request(netlink.set_up(socket.if_nametoindex(name), alias=self._mark))
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise _unknown("vlan") from error
            raise SystemFailure(f"failed to create {name} vlan link: {_reason(error)}") from error

    def _make_closed(self, name: str) -> None:
        """A device that leads nowhere: a dummy, or where the kernel has none a pair whose other end nobody has."""
        try:
            try:
                self._link.request(netlink.add_device("dummy", name))
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise
                peer, macs = f"dp{name[2:]}", [b"\x02" + os.urandom(5) for _ in range(2)]
                self._link.request(
                    netlink.add_veth(name, self._home, peer, macs[0], _UPWARDS_OF_NOBODY_MTU, mac=macs[1])
                )
                self._link.request(netlink.set_up(socket.if_nametoindex(peer)))
            self._link.request(netlink.set_up(socket.if_nametoindex(name), alias=self._mark))
        except OSError as error:
            raise SystemFailure(f"make parent device {name}: {_reason(error)}") from error

    def _delete(self, link: Netlink, name: str) -> None:
        try:
            link.request(netlink.delete_device(name=name))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise SystemFailure(f"remove device {name}: {_reason(error)}") from error

    # -- endpoints -----------------------------------------------------------------------------------

    def connect(self, box: Sandbox, network: Network, end: Endpoint, *, ways: tuple[bool, bool]) -> None:
        """A device upon the parent, in the sandbox; leaves nothing behind on failure."""
        if "." not in network.parent and network.options.get("parent") and _index(network.parent) is None:
            raise SystemFailure(f"the requested parent interface {network.parent} was not found on the Docker host")
        try:
            self._link.request(member(network, end, self._parent(network), box.fd))
        except OSError as error:
            raise SystemFailure(f"failed to create the {network.driver} port: {_reason(error)}") from error
        self.hold(box, [end])
        try:
            endpoint.settle(box, network, end, ways)
        except OSError as error:
            self.disconnect(end)
            raise SystemFailure(f"attach {end.interface} to {network.parent}: {_reason(error)}") from error

    def hold(self, box: Sandbox, ends: Iterable[Endpoint]) -> None:
        """Those of the container's endpoints that are on our networks."""
        for end in ends:
            if end.network_id in self._networks and end.id not in self._held:
                self._held[end.id] = (Sandbox(os.dup(box.fd), self._home), end.interface)

    def lives(self, end: Endpoint) -> bool:
        """Whether the endpoint's device is there. It may have gone with its parent: then it can be made anew."""
        if end.id not in self._held:
            return True
        box, name = self._held[end.id]
        link = box.netlink()
        try:
            there = any(device.name == name for device in link.devices())
        finally:
            link.close()
        if not there:
            self.disconnect(end)
        return there

    def disconnect(self, end: Endpoint) -> None:
        """Absent is fine: the device of a namespace that nobody holds is gone with it."""
        box, name = self._held.pop(end.id, (None, ""))
        if box is None:
            return
        try:
            link = box.netlink()
            try:
                self._delete(link, name)
            finally:
                link.close()
        finally:
            box.close()


def _unknown(kind: str) -> SystemFailure:
    module, switch = _NEEDS[kind]
    return SystemFailure(f'this kernel has no {kind}: load it with "modprobe {module}", or take one with {switch}')


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO).lower()
