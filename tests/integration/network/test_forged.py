"""A container that may send whatever it likes: in whose name, by which protocol, and what its neighbour hears of it.

What the neighbour must not hear is sent before something that it must, on the same way.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from fairlead.network.firewall import link_local
from testbed import frames
from testbed.engine import Engine
from testbed.frames import ALL_NODES, ARP, FRAGMENT, HOP_BY_HOP, ICMP6, IP, IP6, OPTIONS, Ear, ether, icmp6, ip6, udp
from testbed.inside import Inside

pytestmark = pytest.mark.root
STRANGER = "02:42:de:ad:be:ef"
SOLICITATION, ADVERTISEMENT, ROUTER, REDIRECT = 135, 136, 134, 137


@dataclass(frozen=True)
class End:
    mac: str
    address: str
    address6: str
    gateway: str
    gateway6: str

    @property
    def local(self) -> str:
        return str(link_local(bytes.fromhex(self.mac.replace(":", ""))))


@dataclass(frozen=True)
class Pair:
    """A container that lies, its victim, and the MAC by which the victim is reached from there."""

    name: str
    liar: End
    victim: End
    way: str
    gateway_mac: str


def end(engine: Engine, name: str, network: str) -> End:
    shown = engine.inspect(name)["NetworkSettings"]["Networks"][network]
    keys = ("MacAddress", "IPAddress", "GlobalIPv6Address", "Gateway", "IPv6Gateway")
    return End(*(shown[key] for key in keys))


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Engine:
    """Bridged frames are not shown to the rules of IP: on many hosts they are not."""
    engine = new_module_engine("--ipv6")
    engine.host.here.run("sh", "-c", "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables || true")
    engine.do("network", "create", "--ipv6", "open")
    for name, words in (("open", ("--network", "open")), ("bridge", ())):
        link = ("--link", f"victim-{name}:victim")
        for role, more in (("victim", ("--expose", "9/udp")), ("liar", link)):
            engine.do("run", "-d", "--init", "--name", f"{role}-{name}", *more, *words, "box", "sleep", "1000")
    return engine


def pair(engine: Engine, network: str) -> Pair:
    liar, victim = end(engine, f"liar-{network}", network), end(engine, f"victim-{network}", network)
    place = Inside(engine, f"liar-{network}")
    place.connects(liar.gateway, 9)
    shown = json.loads(place.ip("-json", "neighbour", "show", "to", liar.gateway))
    gateway = str(shown[0]["lladdr"])
    return Pair(network, liar, victim, victim.mac if network == "open" else gateway, gateway)


def lies(pair: Pair) -> dict[str, bytes]:
    me, you, way = pair.liar, pair.victim, pair.way
    mark = b"forged"
    claim = frames.packed(me.gateway6) + b"\2\1" + bytes.fromhex(me.mac.replace(":", ""))
    router = b"\x40\0\7\x08" + bytes(8)
    to_all = "33:33:00:00:00:01"

    def nd(kind: int, body: bytes, *behind: int, source: str = me.local, mac: str = me.mac) -> bytes:
        return ether(mac, to_all, IP6, icmp6(source, ALL_NODES, kind, body, behind=behind))

    out = {
        "the gateway's address": ether(me.mac, way, IP, udp(me.gateway, you.address, mark)),
        "the victim's own address": ether(me.mac, way, IP, udp(you.address, you.address, mark)),
        "an address of the world": ether(me.mac, way, IP, udp("198.51.100.2", you.address, mark)),
        "no address (DHCP)": ether(me.mac, "ff:ff:ff:ff:ff:ff", IP, udp("0.0.0.0", "255.255.255.255", mark, port=68)),
        "the gateway's IPv6 address": ether(me.mac, way, IP6, udp(me.gateway6, you.address6, mark)),
        "a link-local IPv6 address": ether(me.mac, way, IP6, udp("fe80::bad", you.address6, mark)),
        "to the victim's loopback": ether(me.mac, way, IP, udp(me.address, "127.0.0.1", mark)),
        "to the victim's resolver": ether(me.mac, way, IP, udp(me.address, "127.0.0.11", mark, port=53)),
        "to the victim's IPv6 loopback": ether(me.mac, way, IP6, udp(me.address6, "::1", mark)),
        "a VLAN": frames.tagged(5, ether(me.mac, way, IP, udp(me.address, you.address, mark))),
        "a VLAN, another's address": frames.tagged(5, ether(me.mac, way, IP, udp(me.gateway, you.address, mark))),
        "an unknown protocol": ether(me.mac, way, 0x88B5, mark + bytes(60)),
        "ARP, about the gateway": ether(me.mac, way, ARP, frames.arp(me.mac, me.gateway, you.mac, you.address)),
        "ARP, as the gateway": ether(pair.gateway_mac, way, ARP, frames.arp(me.mac, me.gateway, you.mac, you.address)),
        "advertisement": nd(ADVERTISEMENT, b"\x20\0\0\0" + claim),
        "advertisement, behind options": nd(ADVERTISEMENT, b"\x20\0\0\0" + claim, HOP_BY_HOP, OPTIONS),
        "advertisement, a fragment": nd(ADVERTISEMENT, b"\x20\0\0\0" + claim, FRAGMENT),
        "router": nd(ROUTER, router),
        "router, behind options": nd(ROUTER, router, OPTIONS, HOP_BY_HOP),
        "router, a fragment": nd(ROUTER, router, FRAGMENT),
        "redirect": nd(REDIRECT, bytes(4) + frames.packed(me.local) + frames.packed("2001:db8::1")),
        "solicitation, another's doubt": nd(SOLICITATION, bytes(4) + frames.packed(you.address6), source="::"),
    }
    if pair.name == "open":
        out["another MAC"] = ether(STRANGER, way, IP, udp(me.address, you.address, mark))
        out["another MAC, IPv6"] = ether(STRANGER, way, IP6, udp(me.address6, you.address6, mark))
    else:
        out["a closed port"] = ether(me.mac, way, IP, udp(me.address, you.address, mark, port=10))
        out["a closed IPv6 port"] = ether(me.mac, way, IP6, udp(me.address6, you.address6, mark, port=10))
        out["in the victim's frames"] = ether(me.mac, you.mac, IP, udp(me.address, you.address, mark))
        out["from link to link"] = ether(me.mac, way, IP6, udp(me.local, you.local, mark))
        out["to everybody"] = ether(me.mac, to_all, IP6, udp(me.local, ALL_NODES, mark))
        out["mDNS"] = ether(me.mac, "01:00:5e:00:00:fb", IP, udp(me.address, "224.0.0.251", mark, port=5353))
    return out


@pytest.fixture
def ear(town: Engine, network: str) -> Iterator[Ear]:
    ear = Ear(Inside(town, f"victim-{network}"))
    yield ear
    ear.close()


def neighbours(place: Inside, *addresses: str) -> list[str]:
    shown = [json.loads(place.ip("-json", "neighbour", "show", "to", address)) for address in addresses]
    return [str(entries[0].get("lladdr")) if entries else "" for entries in shown]


@pytest.mark.parametrize("network", ["open", "bridge"])
def test_a_neighbour_hears_nothing_that_is_said_in_anothers_name(town: Engine, network: str, ear: Ear) -> None:
    both, place = pair(town, network), Inside(town, f"liar-{network}")
    victim = Inside(town, f"victim-{network}")
    for address in (both.victim.gateway, both.victim.gateway6):
        victim.connects(address, 9)
    before = neighbours(victim, both.victim.gateway, both.victim.gateway6)
    heard = []
    for number, (name, lie) in enumerate(lies(both).items()):
        honest = f"honest{number}".encode()
        four, six = (udp(a, b, honest + bytes([v])) for v, a, b in (
            (4, both.liar.address, both.victim.address), (6, both.liar.address6, both.victim.address6)))  # fmt: skip
        frames.sent(place, lie, ether(both.liar.mac, both.way, IP, four), ether(both.liar.mac, both.way, IP6, six))
        came = ear.heard(honest + b"\6")
        if any(lie[14:] in frame or b"forged" in frame for frame in came):
            heard.append(name)
    assert heard == []
    assert neighbours(victim, both.victim.gateway, both.victim.gateway6) == before
    assert "via fe80" not in victim.ip("-6", "route", "show")


@pytest.mark.parametrize("network", ["open", "bridge"])
def test_a_message_cut_before_its_kind_moves_nobody(town: Engine, network: str) -> None:
    """A router advertisement whose own header is in the second fragment: no rule can see it, so the kernel must."""
    both, place = pair(town, network), Inside(town, f"liar-{network}")
    whole = icmp6(both.liar.local, ALL_NODES, ROUTER, b"\x40\0\7\x08" + bytes(8))[40:]
    first = bytes([OPTIONS, 0, 0, 1, 0, 0, 0, 9, ICMP6, 0, 1, 4, 0, 0, 0, 0])
    second = bytes([OPTIONS, 0, 0, 8, 0, 0, 0, 9]) + whole
    parts = [ip6(both.liar.local, ALL_NODES, FRAGMENT, part) for part in (first, second)]
    frames.sent(place, *(ether(both.liar.mac, "33:33:00:00:00:01", IP6, part) for part in parts))
    time.sleep(0.2)
    assert "via fe80" not in Inside(town, f"victim-{network}").ip("-6", "route", "show")
    assert "via fe80" not in town.host.here.ip("-6", "route", "show")
