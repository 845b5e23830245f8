"""The network package's door: networks, sandboxes, endpoints, published ports and grants of one daemon in the kernel.

Keeps no durable state: everything here can be rebuilt from stored endpoints with `restore`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from fairlead import ids
from fairlead.errors import SystemFailure
from fairlead.linux import namespaces
from fairlead.model.container import Endpoint, PublishedPort
from fairlead.model.network import Grant, Network
from fairlead.model.settings import Settings
from fairlead.network import anchor, conntrack, endpoint, firewall, firewalld, nft, sandbox, sysctl
from fairlead.network.firewalld import Firewalld
from fairlead.network.netlink import Netlink, add_address, add_bridge, delete_device, note, set_up
from fairlead.network.pools import Spans
from fairlead.network.publication import Publication
from fairlead.network.repair import Repair
from fairlead.network.routes import HostRoutes
from fairlead.network.sublinks import Sublinks

_DEFAULT_BIP = IPv4Interface("172.17.0.1/16")
_GRAVE_S = 0.5
_OWN_BRIDGE = "fairlead-bridge"

Attached = tuple[Network, Endpoint, tuple[PublishedPort, ...]]


class Controller:
    """All kernel networking of one daemon."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = namespaces.current_netns()
        self._link = Netlink()
        self._tables = nft.Tables(f"fairlead_{settings.instance}")
        self.ports = Publication(self._tables, self._link, direct=settings.allow_direct_routing)
        self._indexes: dict[str, int] = {}
        self._bridges: dict[str, int] = {}
        """Those of them that we made."""
        self._graves: dict[str, tuple[Endpoint, asyncio.TimerHandle]] = {}
        self._routes = HostRoutes(self._link)
        self._repair: Repair | None = None
        lasting = {f"{endpoint.veth_prefix(settings.instance)}+", f"{self._bridge_prefix}+", settings.bridge}
        self.firewalld = Firewalld(lambda: self._tables.exists(firewalld.TABLE), lasting, self._named_bridges)
        self._sublinks = Sublinks(self._link, self._home, settings.instance)
        self._forwarding = sysctl.Forwarding(settings.exec_root, endpoint.veth_prefix(settings.instance))

    # -- networks --------------------------------------------------------------------------------

    def default_network(
        self, stored: Network | None, *, choose: Callable[[], IPv4Network], choose6: Callable[[], IPv6Network]
    ) -> Network:
        """The network `bridge`. Its subnets, once stored, stay; settings that were given win."""
        settings = self._settings
        address = settings.bip
        if address is None and stored is not None and stored.subnet and stored.gateway:
            address = IPv4Interface(f"{stored.gateway}/{stored.subnet.prefixlen}")
        if address is None:
            address = self._free_default(choose)
        subnet6 = self._default_subnet6(stored, choose6) if settings.ipv6 else None
        return Network(
            id=stored.id if stored else ids.new_id(),
            name="bridge",
            created=stored.created if stored else datetime.now(UTC),
            bridge=settings.bridge,
            ipv6=settings.ipv6,
            subnet=address.network,
            gateway=address.ip,
            ip_range=settings.fixed_cidr,
            subnet6=subnet6,
            gateway6=subnet6.network_address + 1 if subnet6 is not None else None,
            icc=settings.icc,
            mtu=settings.mtu,
            host_ip=settings.host_ip,
            predefined=True,
            options={
                "com.docker.network.bridge.default_bridge": "true",
                "com.docker.network.bridge.enable_icc": str(settings.icc).lower(),
                "com.docker.network.bridge.enable_ip_masquerade": "true",
                "com.docker.network.bridge.host_binding_ipv4": str(settings.host_ip),
                "com.docker.network.bridge.name": settings.bridge,
                "com.docker.network.driver.mtu": str(settings.mtu),
            },
        )

    def _default_subnet6(self, stored: Network | None, choose6: Callable[[], IPv6Network]) -> IPv6Network:
        if self._settings.fixed_cidr_v6 is not None:
            return self._settings.fixed_cidr_v6
        return stored.subnet6 if stored is not None and stored.subnet6 is not None else choose6()

    def _free_default(self, choose: Callable[[], IPv4Network]) -> IPv4Interface:
        own = self._device(self._settings.bridge)
        taken = any(
            _DEFAULT_BIP.network.overlaps(address.network)
            for index, address in self._link.addresses()
            if own is None or index != own
        )
        if own is None:
            taken = taken or self.routed(socket.AF_INET).overlaps(_DEFAULT_BIP.network)
        if not taken:
            return _DEFAULT_BIP
        subnet = choose()
        return IPv4Interface(f"{subnet.network_address + 1}/{subnet.prefixlen}")

    def routed(self, family: int) -> Spans:
        """What the host routes at this moment, our own networks included."""
        return self._routes.now(family)

    async def open(
        self, networks: Sequence[Network], attached: Sequence[Attached], grants: Iterable[Grant]
    ) -> None:
        """Replaces the ruleset in one transaction, elements of what runs included, and makes the bridges.

        What runs loses no packet: there is no moment without its rules. Sockets follow with `restore`.
        """
        self._share_no_bridge()
        self._forwarding.turn_on(4)
        if any(network.subnet6 is not None and not network.shares_device for network in networks):
            self._forwarding.turn_on(6)
        prefix = endpoint.veth_prefix(self._settings.instance)
        elements = self._elements(attached, grants)
        elements += [firewall.guarded_element(version) for version in self._forwarding.ours()]
        for network in networks:
            if network.driver == "bridge":
                elements += firewall.network_elements(network)
        text = firewall.ruleset(self._tables.table, prefix)
        await self._tables.load(text + firewall.render(self._tables.table, elements), elements)
        ground = self._indexes, self._sublinks.is_parent, self.firewalld
        self._repair = Repair(self._settings.instance, self._tables, self._link, *ground)
        for network in networks:
            if network.shares_device:
                self._sublinks.restore(network)
            else:
                self.add_network(network)
        await self.firewalld.open()

    @property
    def _bridge_prefix(self) -> str:
        """Of bridges whose name no user chose (engine/blueprint.py)."""
        return f"br-{self._settings.instance[:4]}"

    def _named_bridges(self) -> set[str]:
        return {name for name in self._bridges if self._is_named(name)}

    def _is_named(self, name: str) -> bool:
        return name in self._bridges and not name.startswith(self._bridge_prefix) and name != self._settings.bridge

    def _share_no_bridge(self) -> None:
        """A bridge tells whose it is, and a daemon that lives has an anchor: two of them would give out one address."""
        for device in self._link.devices():
            kind, _, instance = device.alias.partition(" ")
            other = device.name == self._settings.bridge and instance != self._settings.instance
            if other and kind == _OWN_BRIDGE and self._tables.exists(anchor.name(instance)):
                words = "give this one its own with --bridge"
                raise SystemFailure(f"another daemon uses the bridge {device.name}: {words}")

    def _elements(self, attached: Sequence[Attached], grants: Iterable[Grant]) -> list[nft.Element]:
        elements = firewall.grant_elements(grants)
        for network, end, published in attached:
            elements += self._leave(network, end)
            elements += self.ports.elements(network, end, published)
        return elements

    async def close(self, *, teardown: bool) -> None:
        """Lets go of sockets; with `teardown` removes rules, bridges and endpoints as well."""
        if self._repair is not None:
            self._repair.close()
        for endpoint_id in list(self._graves):
            self._bury(endpoint_id)
        self.ports.close()
        self._sublinks.close(teardown=teardown)
        if teardown:
            await self.firewalld.leave()
            await self._tables.load(firewall.removal(self._tables.table))
            self.sweep(set())
            for name in list(self._bridges):
                self._delete_device(name)
            self._forwarding.restore()
        self._routes.close()
        self._link.close()
        self._tables.close()
        os.close(self._home)

    def add_network(self, network: Network) -> None:
        """The bridge of a network, its addresses and rules; what is there is taken over."""
        if network.shares_device:
            self._sublinks.add(network)
        if network.driver != "bridge":
            return
        if network.subnet6 is not None and self._forwarding.turn_on(6):
            self._tables.apply(add=[firewall.guarded_element(6)])
        try:
            index = self._bridge(network)
        except OSError as error:
            raise SystemFailure(f"make bridge {network.bridge}: {error.strerror}") from error
        if not network.adopted:
            self._bridges[network.bridge] = index
        self._indexes[network.bridge] = index
        self._tables.apply(add=firewall.network_elements(network))

    async def open_to_world(self, network: Network) -> None:
        """A firewalld beside us lets its packets through. Needed where its bridge has a name of the user's choice."""
        if self._is_named(network.bridge):
            await self.firewalld.named_bridge()

    def mend_network(self, network: Network) -> None:
        """What `add_network` makes, and forwarding, as far as they are not there any more."""
        if self._forwarding.turn_on(4):
            self._tables.apply(add=[firewall.guarded_element(4)])
        self.add_network(network)

    def _bridge(self, network: Network) -> int:
        index = self._device(network.bridge)
        if index is None:
            own = network.gateway or network.gateway6
            mac = endpoint.mac_bytes(endpoint.mac_for(own)) if own is not None else b"\x02" + os.urandom(5)
            self._link.request(add_bridge(network.bridge, mac, network.mtu))
            index = socket.if_nametoindex(network.bridge)
            self._link.request(note(index, f"{_OWN_BRIDGE} {self._settings.instance}"))
        pairs = ((4, network.subnet, network.gateway), (6, network.subnet6, network.gateway6))
        deaf = [version for version, net, way in pairs if net and not way and not network.adopted]
        sysctl.tune_bridge(network.bridge, ipv6=network.subnet6 is not None, deaf=deaf)
        steps = [set_up(index)]
        if network.gateway is not None and network.subnet is not None and not network.inhibited:
            steps.append(add_address(index, IPv4Interface((network.gateway.packed, network.subnet.prefixlen))))
        if network.gateway6 is not None and network.subnet6 is not None:
            steps.append(add_address(index, IPv6Interface((network.gateway6.packed, network.subnet6.prefixlen))))
        self._link.request(*steps)
        return index

    @property
    def repair(self) -> Repair:
        """From `open` on."""
        if self._repair is None:
            raise SystemFailure("repair networks: not open yet")
        return self._repair

    def has_device(self, name: str) -> bool:
        return self._device(name) is not None

    def remove_network(self, network: Network) -> None:
        """Bridge and rules go; absent is fine."""
        if network.shares_device:
            self._sublinks.remove(network)
        if network.driver != "bridge":
            return
        self._tables.apply(delete=firewall.network_elements(network))
        self._indexes.pop(network.bridge, None)
        if self._bridges.pop(network.bridge, None) is not None:
            self._delete_device(network.bridge)
            self.firewalld.touched()

    def _device(self, name: str) -> int | None:
        try:
            return socket.if_nametoindex(name)
        except OSError:
            return None

    def _delete_device(self, name: str) -> None:
        try:
            self._link.request(delete_device(name=name))
        except OSError as error:
            if error.errno != 19:
                raise SystemFailure(f"remove device {name}: {error.strerror}") from error

    # -- sandboxes and endpoints -----------------------------------------------------------------

    def new_sandbox(self) -> sandbox.Sandbox:
        """A fresh network namespace with nothing but its loopback."""
        return sandbox.create(self._home)

    def open_sandbox(self, pid: int) -> sandbox.Sandbox:
        """The network namespace of a running process."""
        try:
            return sandbox.Sandbox(namespaces.pid_netns(pid), self._home)
        except OSError as error:
            raise SystemFailure(f"open network namespace of process {pid}: {error.strerror}") from error

    def connect(self, box: sandbox.Sandbox, network: Network, end: Endpoint, *, ways: tuple[bool, bool]) -> None:
        """Joins the sandbox to the network; leaves nothing behind on failure."""
        if network.shares_device:
            self._sublinks.connect(box, network, end, ways=ways)
        if network.driver != "bridge":
            return
        instance = self._settings.instance
        self._make_room(end)
        leave = self._leave(network, end)
        self._tables.apply(add=leave)
        try:
            try:
                self._set_up(box, network, end, ways)
            except SystemFailure:  # somebody may have taken the bridge away this very moment
                endpoint.teardown(self._link, instance, end.id)
                self.mend_network(network)
                self._set_up(box, network, end, ways)
        except BaseException:
            endpoint.teardown(self._link, instance, end.id)
            self._tables.apply(delete=leave)
            raise

    def _set_up(self, box: sandbox.Sandbox, network: Network, end: Endpoint, ways: tuple[bool, bool]) -> None:
        bridge = self._indexes[network.bridge]
        endpoint.setup(self._link, box, network, end, instance=self._settings.instance, bridge=bridge, ways=ways)

    def redirect(self, box: sandbox.Sandbox, *gateways: IPv4Address | IPv6Address | None) -> None:
        """The default routes of a running container lead elsewhere now."""
        endpoint.set_default_routes(box, *gateways)

    def _leave(self, network: Network, end: Endpoint) -> list[nft.Element]:
        if network.shares_device or (end.address is None and end.address6 is None):
            return []
        return firewall.endpoint_elements(endpoint.veth_name(self._settings.instance, end.id), end, network)

    def disconnect(self, network: Network, end: Endpoint, *, dying: bool = False) -> None:
        """Removes the endpoint's devices and rules; absent is fine.

        `dying`: the sandbox's last process has ended, and the kernel takes the devices along. It holds its lock
        meanwhile: to ask for the same thing would only keep us waiting for it, some 20 ms. We look again later:
        a connection whose other side is silent keeps the namespace, and so the devices, for minutes.
        """
        if network.shares_device:
            self._sublinks.disconnect(end)
        if network.driver != "bridge":
            return
        if dying:
            self._graves[end.id] = (end, asyncio.get_running_loop().call_later(_GRAVE_S, self._bury, end.id))
        else:
            endpoint.teardown(self._link, self._settings.instance, end.id)
        self._tables.apply(delete=self._leave(network, end))

    def _bury(self, endpoint_id: str) -> None:
        """The devices of an endpoint that was left to die are gone for good."""
        _, timer = self._graves.pop(endpoint_id)
        timer.cancel()
        endpoint.teardown(self._link, self._settings.instance, endpoint_id)

    def _make_room(self, end: Endpoint) -> None:
        """Nobody else may have the address any more, not even a ghost."""
        for ghost, _ in list(self._graves.values()):
            shared = (ghost.address and ghost.address == end.address) or (
                ghost.address6 and ghost.address6 == end.address6
            )
            if shared and ghost.id in self._graves:
                self._bury(ghost.id)

    # -- grants ----------------------------------------------------------------------------------

    def grant(self, grants: Iterable[Grant]) -> None:
        """Opens the links' ports, and echo requests, from consumer to source."""
        self._tables.apply(add=firewall.grant_elements(grants))

    def revoke(self, grants: Iterable[Grant], *, cut: bool = False) -> None:
        """Closes them. With `cut` connections that are open end as well."""
        gone = list(grants)
        self._tables.apply(delete=firewall.grant_elements(gone))
        if cut:
            conntrack.forget({(grant.consumer, grant.source) for grant in gone})

    # -- after a restart of the daemon -----------------------------------------------------------

    def restore(self, attached: Sequence[Attached]) -> None:
        """Takes back the sockets of what runs; its rules came with `open`."""
        for network, end, published in attached:
            self.ports.restore(network, end, published)

    def hold(self, box: sandbox.Sandbox, ends: Iterable[Endpoint]) -> None:
        """Takes back the devices of a running container that are in its sandbox alone."""
        self._sublinks.hold(box, ends)

    def mend_endpoint(self, network: Network, end: Endpoint) -> bool:
        """As far as it can be mended; False if its devices are gone and have to be made anew (`connect`)."""
        if network.shares_device:
            return self._sublinks.lives(end)
        return network.driver != "bridge" or self.repair.mend_endpoint(network, end)

    def sweep(self, keep: set[str]) -> None:
        """Deletes veths of this daemon whose endpoint is not in `keep` (ids)."""
        instance = self._settings.instance
        prefix = endpoint.veth_prefix(instance)
        wanted = {endpoint.veth_name(instance, endpoint_id) for endpoint_id in keep}
        for device in self._link.devices():
            if device.name.startswith(prefix) and len(device.name) == len(prefix) + 8 and device.name not in wanted:
                self._delete_device(device.name)

    def sweep_bridges(self, networks: Sequence[Network]) -> None:
        """Deletes bridges of networks that are no more (ours are recognised by their name), and parent devices."""
        self._sublinks.sweep()
        wanted = {network.bridge for network in networks}
        for device in self._link.devices():
            if device.name.startswith(self._bridge_prefix) and device.name not in wanted:
                self._delete_device(device.name)
