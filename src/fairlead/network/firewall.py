"""Which rules a daemon needs, as nft text, and which set elements an endpoint, a port or a link needs. Pure.

Rules are constant: they look things up in sets and maps, and only those change. One lookup per *new* flow.
- `publish` (any local address), `publish_at` (one address), `publish_range` (ports that keep their number): host
  port → container. Taken for traffic of other machines (prerouting) and of this one (output, 127.0.0.1 included).
- `grants`: consumer . source . protocol . port, and `linked`: consumer . source, for ICMP echo.
- `guard` (bridge family): device . MAC . IPv4 of each endpoint; a frame that claims to be another is dropped.
- `sources`: the same for packets of a private network's endpoints, which are routed here (docs/decisions/0008).
- `inside`: the bridges and the routed endpoints' devices.
- `own` (bridge family): bridge ports, which are in hairpin mode, get back no frame of their own, unless it was sent to
  the bridge itself (pkttype host) and br_netfilter translated it to a published port of the sender's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from fairlead.model.container import PublishedPort
from fairlead.model.network import Grant, Network
from fairlead.network.nft import BRIDGE, INET, INTERVAL_END, Element, ifname, pad, protocol, service

_ANY = ("0.0.0.0", "")


_RULESET = """
table inet @TABLE@ {}
delete table inet @TABLE@
table bridge @TABLE@ {}
delete table bridge @TABLE@
table inet @TABLE@ {
    set inside { type ifname; }
    set sources { type ifname . ipv4_addr; }
    set open { typeof iifname . oifname; }
    set internal { type ifname; }
    set masqueraded { type ipv4_addr; flags interval; }
    set subnets { type ipv4_addr; flags interval; }
    set grants { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
    set linked { type ipv4_addr . ipv4_addr; }
    set loopback { type ipv4_addr . inet_proto . inet_service; flags interval; }
    map publish { type inet_proto . inet_service : ipv4_addr . inet_service; }
    map publish_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
    map publish_range { type inet_proto . inet_service : ipv4_addr; flags interval; }
    map publish_range_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }
    chain guard {
        type filter hook prerouting priority raw; policy accept;
        ip daddr 127.0.0.0/8 iifname @inside drop
        ip daddr 127.0.0.0/8 iifname != "lo" ip daddr . meta l4proto . th dport @loopback drop
        iifname "@VETH@*" iifname . ip saddr != @sources drop
        iifname "@VETH@*" meta nfproto ipv6 drop
    }
    chain published {
        dnat ip to ip daddr . meta l4proto . th dport map @publish_at
        dnat ip to meta l4proto . th dport map @publish
        dnat ip to ip daddr . meta l4proto . th dport map @publish_range_at
        dnat ip to meta l4proto . th dport map @publish_range
    }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr 127.0.0.0/8 return
        fib daddr type local meta l4proto { tcp, udp, sctp } jump published
    }
    chain output {
        type nat hook output priority -100; policy accept;
        fib daddr type local meta l4proto { tcp, udp, sctp } jump published
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname @inside ip saddr 127.0.0.0/8 masquerade
        ip saddr @subnets ip daddr @subnets ct status dnat masquerade
        ip saddr @masqueraded oifname != @inside masquerade
    }
    chain quiet {
        type filter hook output priority filter; policy accept;
        oifname @inside icmp type redirect drop
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ct state established,related accept
        oifname @inside jump inbound
        iifname @internal reject with icmp type net-unreachable
        @FOREIGN@
    }
    chain inbound {
        ct status dnat accept
        iifname . oifname @open accept
        iifname @inside ip saddr . ip daddr . meta l4proto . th dport @grants accept
        iifname @inside icmp type echo-request ip saddr . ip daddr @linked accept
        iifname @inside meta l4proto tcp reject with tcp reset
        iifname @inside reject with icmp type host-unreachable
        drop
    }
}
table bridge @TABLE@ {
    set guard { type ifname . ether_addr . ipv4_addr; }
    set own { type ifname . ifname; }
    chain prerouting {
        type filter hook prerouting priority -300; policy accept;
        iifname != "@VETH@*" accept
        ether type ip iifname . ether saddr . ip saddr @guard accept
        ether type arp iifname . ether saddr . arp saddr ip @guard accept
        drop
    }
    chain forward {
        type filter hook forward priority -200; policy accept;
        meta pkttype host accept
        iifname . oifname @own drop
    }
}
"""


def ruleset(table: str, veth_prefix: str, *, guard_forwarding: bool) -> str:
    """The whole ruleset of one daemon, replacing an earlier one atomically. Elements are added afterwards.

    `guard_forwarding`: the daemon itself turned IPv4 forwarding on, so the host must not become a router for others.
    """
    foreign = "iifname != @inside oifname != @inside drop" if guard_forwarding else ""
    return _RULESET.replace("@TABLE@", table).replace("@VETH@", veth_prefix).replace("@FOREIGN@", foreign)


def removal(table: str) -> str:
    """Text that removes everything of the daemon; absent is fine."""
    return "".join(f"table {f} {table} {{}}\ndelete table {f} {table}\n" for f in ("inet", "bridge"))


def network_elements(network: Network) -> list[Element]:
    """What a bridge network needs once it exists."""
    name = ifname(network.bridge)
    out = [Element("inside", name)]
    if network.icc:
        out.append(Element("open", name + name))
    if network.internal:
        out.append(Element("internal", name))
    if network.subnet is not None:
        out += _interval("subnets", network.subnet.network_address, network.subnet.broadcast_address)
        if network.masquerade and not network.internal:
            out += _interval("masqueraded", network.subnet.network_address, network.subnet.broadcast_address)
    return out


def _interval(name: str, first: IPv4Address, last: IPv4Address) -> list[Element]:
    return [Element(name, first.packed), Element(name, (last + 1).packed, key_end=INTERVAL_END)]


def endpoint_elements(device: str, mac: bytes, address: IPv4Address, *, internal: bool) -> list[Element]:
    """Leave for what one endpoint sends, as a port of a bridge or routed."""
    name = ifname(device)
    out = [
        Element("guard", name + pad(mac) + address.packed, family=BRIDGE),
        Element("own", name + name, family=BRIDGE),
        Element("sources", name + address.packed),
        Element("inside", name),
    ]
    return [*out, Element("internal", name)] if internal else out


def grant_elements(grants: Iterable[Grant]) -> list[Element]:
    """Leave for links: the granted ports, and echo requests from the same consumer to the same source."""
    out: dict[tuple[str, bytes], Element] = {}
    for grant in grants:
        pair = grant.consumer.packed + grant.source.packed
        if grant.port:
            key = pair + protocol(grant.protocol) + service(grant.port)
            out["grants", key] = Element("grants", key)
        out["linked", pair] = Element("linked", pair)
    return list(out.values())


def port_elements(address: IPv4Address, published: Sequence[PublishedPort]) -> list[Element]:
    """Map elements for published ports; a run of ports that keep their numbers is one element."""
    out = loopback_elements(published)
    for host_ip, proto, first, last, container_port in _runs([p for p in published if not p.forwarded]):
        at = _ANY.count(host_ip) == 0
        prefix = IPv4Address(host_ip).packed if at else b""
        key = prefix + protocol(proto) + service(first)
        if last > first:
            end = prefix + protocol(proto) + service(last)
            name = "publish_range_at" if at else "publish_range"
            out.append(Element(name, key, address.packed, key_end=end))
        else:
            name = "publish_at" if at else "publish"
            out.append(Element(name, key, address.packed + service(container_port)))
    return out


def loopback_elements(published: Sequence[PublishedPort]) -> list[Element]:
    """What is bound to 127.0.0.1 stays there, even on a host that takes packets for it from the wire."""
    out = []
    for host_ip, proto, first, last, _ in _runs([p for p in published if p.host_ip.startswith("127.")]):
        key = IPv4Address(host_ip).packed + protocol(proto)
        out.append(Element("loopback", key + service(first), key_end=key + service(last)))
    return out


def _runs(published: Sequence[PublishedPort]) -> list[tuple[str, str, int, int, int]]:
    """(host ip, protocol, first, last, container port) with neighbours that keep their numbers joined."""
    rows = sorted(
        (p.host_ip, p.port.protocol, p.host_port, p.port.number)
        for p in set(published)
        if ":" not in p.host_ip
    )
    out: list[tuple[str, str, int, int, int]] = []
    for host_ip, proto, host_port, number in rows:
        if out and host_port == number:
            ip, kind, first, last, container_port = out[-1]
            if (ip, kind, last + 1) == (host_ip, proto, host_port) and first == container_port:
                out[-1] = ip, kind, first, host_port, container_port
                continue
        out.append((host_ip, proto, host_port, host_port, number))
    return out


_FIELDS = {
    "inside": "n", "sources": "ni", "internal": "n", "open": "nn", "subnets": "i", "masqueraded": "i", "grants": "iips",
    "linked": "ii", "publish": "ps", "publish_at": "ips", "publish_range": "ps", "publish_range_at": "ips",
    "guard": "nmi", "own": "nn", "loopback": "ips",
}  # fmt: skip
_WIDTH = {"n": 16, "i": 4, "p": 4, "s": 4, "m": 8}


def _fields(kinds: str, raw: bytes) -> list[str]:
    """A packed key as nft text, field by field."""
    out = []
    for kind in kinds:
        part, raw = raw[: _WIDTH[kind]], raw[_WIDTH[kind] :]
        if kind == "n":
            out.append(f'"{part.rstrip(bytes(1)).decode()}"')
        elif kind == "i":
            out.append(str(IPv4Address(part)))
        elif kind == "m":
            out.append(part[:6].hex(":"))
        else:
            out.append(str(part[0] if kind == "p" else int.from_bytes(part[:2], "big")))
    return out


def render(table: str, elements: Sequence[Element]) -> str:
    """The same elements as nft text, to be loaded in one transaction with the ruleset."""
    rows: dict[tuple[int, str], list[str]] = {}
    bounds: dict[str, list[int]] = {}
    for element in elements:
        kinds = _FIELDS[element.name]
        if element.name in ("subnets", "masqueraded"):
            bounds.setdefault(element.name, []).append(int.from_bytes(element.key, "big"))
            continue
        first = _fields(kinds, element.key)
        if element.key_end:
            last = _fields(kinds, element.key_end)
            first = [a if a == b else f"{a}-{b}" for a, b in zip(first, last, strict=True)]
        text = " . ".join(first)
        if element.data is not None:
            text += " : " + " . ".join(_fields("is" if len(element.data) > 4 else "i", element.data))
        rows.setdefault((element.family, element.name), []).append(text)
    for name, numbers in bounds.items():
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        texts = [f"{IPv4Address(first)}-{IPv4Address(end - 1)}" for first, end in pairs]
        rows.setdefault((INET, name), []).extend(texts)
    family = {INET: "inet", BRIDGE: "bridge"}
    return "".join(
        f"add element {family[number]} {table} {name} {{ {', '.join(dict.fromkeys(texts))} }}\n"
        for (number, name), texts in rows.items()
    )
