"""What of the host's network settings meets ours: sysctls, other firewalls, and which addresses are free."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

from fairlead.daemon.checks import probe
from fairlead.daemon.checks.finding import Finding, missing, note, ok
from fairlead.model.settings import AddressPool, Settings

SYSCTLS = Path("/proc/sys")
ENOUGH_CONNECTIONS = 65536


async def findings() -> list[Finding]:
    settings = Settings()
    table = Path("/proc/net/route").read_text()
    taken = parse_routes(table)
    return [
        _forwarding(),
        _bridge_calls(),
        _connections(),
        _port_range(),
        await _other_firewalls(settings.instance),
        await _firewalld(),
        _overlaid(overlaid(table, settings.bridge, settings.instance)),
        _pool([network for pool in settings.pools for network in _pieces(pool)], taken),
    ]


def _pieces(pool: AddressPool) -> Iterator[IPv4Network]:
    return pool.base.subnets(new_prefix=pool.size) if isinstance(pool.base, IPv4Network) else iter(())


def sysctl(name: str) -> str:
    try:
        return (SYSCTLS / name).read_text().strip()
    except OSError:
        return ""


def _forwarding() -> Finding:
    if sysctl("net/ipv4/ip_forward") == "1":
        return ok("net.ipv4.ip_forward", "1")
    return note("net.ipv4.ip_forward", "0: the daemon sets it to 1 at its start")


def _bridge_calls() -> Finding:
    if sysctl("net/bridge/bridge-nf-call-iptables") == "1":
        advice = "sysctl -w net.bridge.bridge-nf-call-iptables=0, unless another engine needs it"
        return note("bridge-nf-call-iptables", "1: bridged packets pass the firewall twice", advice)
    return ok("bridge-nf-call-iptables", "off")


def _connections() -> Finding:
    limit = sysctl("net/netfilter/nf_conntrack_max")
    if limit and int(limit) < ENOUGH_CONNECTIONS:
        advice = f"sysctl -w net.netfilter.nf_conntrack_max={ENOUGH_CONNECTIONS * 4}"
        return note("nf_conntrack_max", f"{limit}: few for a busy host", advice)
    return ok("nf_conntrack_max", limit or "not loaded yet")


def _port_range() -> Finding:
    low, high = (int(number) for number in sysctl("net/ipv4/ip_local_port_range").split())
    if high - low < 1024:
        return note(
            "ip_local_port_range",
            f"{low}-{high}: few ports for -P",
            "sysctl -w net.ipv4.ip_local_port_range='32768 60999'",
        )
    return ok("ip_local_port_range", f"{low}-{high}")


async def _other_firewalls(instance: str) -> Finding:
    """A drop anywhere is final in nftables: our accept cannot lift another table's policy."""
    if not probe.can_try():
        return note("other firewalls", "not looked at: needs root")
    dropping = dropping_tables(await probe.said_by("nft", "list", "chains"), instance)
    if dropping:
        advice = "let it accept what goes to and from the bridge fairlead0 (ufw: ufw default allow routed)"
        return note("other firewalls", f"{', '.join(dropping)} drops forwarded packets", advice)
    return ok("other firewalls", "none drops forwarded packets")


async def _firewalld() -> Finding:
    """It rejects what no zone of it knows; the daemon tells it of our devices, over the system bus."""
    if probe.can_try() and "table inet firewalld" in await probe.said_by("nft", "list", "tables"):
        if shutil.which("busctl", path=probe.SEARCH_PATH):
            return ok("firewalld", "runs: the daemon's devices are in its zone fairlead")
        return missing("firewalld", "runs, and there is no busctl to tell it of us", "install systemd", needed=False)
    if (await probe.said_by("firewall-cmd", "--state")).strip() == "running":
        advice = "FirewallBackend=nftables in /etc/firewalld/firewalld.conf"
        return note("firewalld", "runs, but not upon nftables: what containers send may be rejected", advice)
    return ok("firewalld", "does not run")


def dropping_tables(listing: str, instance: str) -> list[str]:
    """Tables, other than ours, whose forward hook drops by policy; out of the text of `nft list chains`."""
    found = []
    table = ""
    for line in listing.splitlines():
        if match := re.match(r"table (\S+ \S+)", line):
            table = match[1]
        elif "hook forward" in line and "policy drop" in line and instance not in table:
            found.append(table)
    return found


def parse_routes(text: str) -> list[IPv4Network]:
    """The networks the host has routes to, out of /proc/net/route; the default route is none."""
    return [route for _, route in _routes(text)]


def _routes(text: str) -> Iterator[tuple[str, IPv4Network]]:
    """Device and destination."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        destination, mask = (bytes.fromhex(fields[index])[::-1] for index in (1, 7))
        if prefix := int.from_bytes(mask, "big").bit_count():
            yield fields[0], IPv4Network((destination, prefix), strict=False)


def overlaid(text: str, bridge: str, instance: str) -> list[str]:
    """Routes of others that take away a part of a network of ours, as a VPN's may; out of /proc/net/route."""
    digits = instance[:4]
    ours = [net for device, net in _routes(text) if device == bridge or device.startswith(f"br-{digits}")]
    return [
        f"{route} ({device})"
        for device, route in _routes(text)
        if device != bridge and not device.startswith((f"br-{digits}", f"fl{digits}"))
        and any(route.subnet_of(net) for net in ours)
    ]  # fmt: skip


def _overlaid(found: list[str]) -> Finding:
    if found:
        advice = "give the network another subnet (network create --subnet), or the other side another route"
        return note("routes over our networks", f"{', '.join(found)}: containers there are not reached", advice)
    return ok("routes over our networks", "none")


def _pool(subnets: Iterable[IPv4Network], taken: Iterable[IPv4Network]) -> Finding:
    used = list(taken)
    free = [subnet for subnet in subnets if not any(subnet.overlaps(route) for route in used)]
    if not free:
        advice = "give the daemon another one: --default-address-pool base=10.210.0.0/16,size=24"
        return missing("free address pool", "the host has routes into every subnet of the pools", advice)
    return ok("free address pool", f"{len(free)} subnets, the first {free[0]}")
