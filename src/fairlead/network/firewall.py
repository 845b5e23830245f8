"""Which rules a daemon needs, as nft text, and which set elements an endpoint, a port or a link needs. Pure.

Rules are constant: they look things up in sets and maps, and only those change. One lookup per *new* flow.
- `publish` (any local address), `publish_at` (one address), `publish_range` (ports that keep their number): host
  port → container. Taken for traffic of other machines (prerouting) and of this one (output, 127.0.0.1 included; but
  what is sent to [::1], or from a link-local address, cannot be sent on, so the daemon carries that: see proxy.py).
- `direct`: container's address . protocol . port that everybody may reach as they are (routed networks); `offered`: the
  same from interfaces that are `trusted` (incoming . outgoing). `pinged`: devices behind which echo requests may go.
- `grants`: consumer . source . protocol . port, and `linked`: consumer . source, for ICMP echo.
- `guard` (bridge family): device . MAC . IPv4 of each endpoint; a frame that claims to be another is dropped. So is
  what is meant for a neighbour's loopback: hosts that route 127/8 (Kubernetes') hand that on to their containers.
- `sources`: the same for packets of a private network's endpoints, which are routed here (docs/decisions/0008).
- `inside`: the bridges and the routed endpoints' devices.
  Each has a twin for IPv6 (`guard6`, `sources6`, `grants6` …): private by default counts for both families. On bridges,
  neighbour advertisements, and the doubts of those who have no address yet, must be about the sender's own addresses;
  router advertisements and redirects go nowhere.
- `blocks`, `subnets`: where our containers' packets come from; `masqueraded…`: those of them that others are to see
  with the host's address. `sourced…` are maps: those that others are to see with an address of the user's choice.
- `guarded`: the families for which the daemon itself turned forwarding on: it is no router for others.
- `own` (bridge family): bridge ports, which are in hairpin mode, get back no frame of their own, unless it was sent to
  the bridge itself (pkttype host) and br_netfilter translated it to a published port of the sender's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from fairlead.model.container import Endpoint
from fairlead.model.network import GatewayMode, Grant, Network
from fairlead.network.nft import BRIDGE, INET, INTERVAL_END, Element, ifname, pad, protocol, service

_NFPROTO = {4: b"\2\0\0\0", 6: b"\x0a\0\0\0"}

_BLOCK = {4: 24, 6: 64}
_HANDFUL = 4  # bits

Address = IPv4Address | IPv6Address


_RULESET = """
table inet @TABLE@ {}
delete table inet @TABLE@
table bridge @TABLE@ {}
delete table bridge @TABLE@
table inet @TABLE@ {
    set inside { type ifname; }
    set sources { type ifname . ipv4_addr; }
    set sources6 { type ifname . ipv6_addr; }
    set guarded { typeof meta nfproto; }
    set unprotected { typeof meta nfproto . oifname; }
    set open { typeof iifname . oifname; }
    set pinged { typeof meta nfproto . oifname; }
    set trusted { typeof iifname . oifname; }
    set direct { type ipv4_addr . inet_proto . inet_service; }
    set direct6 { type ipv6_addr . inet_proto . inet_service; }
    set offered { type ipv4_addr . inet_proto . inet_service; }
    set offered6 { type ipv6_addr . inet_proto . inet_service; }
    set internal { type ifname; }
    set masqueraded { type ipv4_addr; flags interval; }
    set subnets { type ipv4_addr; flags interval; }
    set masqueraded6 { type ipv6_addr; flags interval; }
    set subnets6 { type ipv6_addr; flags interval; }
    set blocks { type ipv4_addr; }
    set masqueraded_blocks { type ipv4_addr; }
    set blocks6 { type ipv6_addr; }
    set masqueraded_blocks6 { type ipv6_addr; }
    map sourced { type ipv4_addr : ipv4_addr; flags interval; }
    map sourced6 { type ipv6_addr : ipv6_addr; flags interval; }
    map sourced_blocks { type ipv4_addr : ipv4_addr; }
    map sourced_blocks6 { type ipv6_addr : ipv6_addr; }
    set grants { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
    set linked { type ipv4_addr . ipv4_addr; }
    set grants6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; }
    set linked6 { type ipv6_addr . ipv6_addr; }
    set loopback { type ipv4_addr . inet_proto . inet_service; flags interval; }
    map publish { type inet_proto . inet_service : ipv4_addr . inet_service; }
    map publish_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
    map publish_range { type inet_proto . inet_service : ipv4_addr; flags interval; }
    map publish_range_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }
    map publish6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
    map publish_at6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
    map publish_range6 { type inet_proto . inet_service : ipv6_addr; flags interval; }
    map publish_range_at6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval; }
    chain guard {
        type filter hook prerouting priority raw; policy accept;
        ip daddr 127.0.0.0/8 iifname @inside drop
        ip daddr 127.0.0.0/8 iifname != "lo" ip daddr . meta l4proto . th dport @loopback drop
        iifname "@VETH@*" iifname . ip saddr != @sources drop
        iifname "@VETH@*" iifname . ip6 saddr != @sources6 drop
    }
    chain published {
        dnat ip to ip daddr . meta l4proto . th dport map @publish_at
        dnat ip to meta l4proto . th dport map @publish
        dnat ip to ip daddr . meta l4proto . th dport map @publish_range_at
        dnat ip to meta l4proto . th dport map @publish_range
    }
    chain published6 {
        ip6 daddr ::1 return
        ip6 saddr fe80::/10 return
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish_at6
        dnat ip6 to meta l4proto . th dport map @publish6
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish_range_at6
        dnat ip6 to meta l4proto . th dport map @publish_range6
    }
    chain local {
        meta nfproto ipv4 jump published
        meta nfproto ipv6 jump published6
    }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr 127.0.0.0/8 return
        fib daddr type local meta l4proto { tcp, udp, sctp } jump local
    }
    chain output {
        type nat hook output priority -100; policy accept;
        fib daddr type local meta l4proto { tcp, udp, sctp } jump local
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname @inside ip saddr 127.0.0.0/8 masquerade
        oifname @inside ct status dnat goto hairpin
        oifname @inside accept
        ip saddr & 255.255.255.0 @masqueraded_blocks masquerade
        ip saddr @masqueraded masquerade
        ip6 saddr & ffff:ffff:ffff:ffff:: @masqueraded_blocks6 masquerade
        ip6 saddr @masqueraded6 masquerade
        snat ip to ip saddr & 255.255.255.0 map @sourced_blocks
        snat ip to ip saddr map @sourced
        snat ip6 to ip6 saddr & ffff:ffff:ffff:ffff:: map @sourced_blocks6
        snat ip6 to ip6 saddr map @sourced6
    }
    chain hairpin {
        ip saddr & 255.255.255.0 @blocks masquerade
        ip saddr @subnets masquerade
        ip6 saddr & ffff:ffff:ffff:ffff:: @blocks6 masquerade
        ip6 saddr @subnets6 masquerade
    }
    chain quiet {
        type filter hook output priority filter; policy accept;
        oifname @inside icmp type redirect drop
        oifname @inside icmpv6 type nd-redirect drop
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ct state established,related accept
        oifname @inside jump inbound
        iifname @internal reject with icmpx type no-route
        meta nfproto @guarded iifname != @inside oifname != @inside drop
    }
    chain inbound {
        ct status dnat accept
        iifname . oifname @open accept
        ip daddr . meta l4proto . th dport @direct accept
        ip6 daddr . meta l4proto . th dport @direct6 accept
        iifname @inside ip saddr . ip daddr . meta l4proto . th dport @grants accept
        iifname @inside icmp type echo-request ip saddr . ip daddr @linked accept
        iifname @inside ip6 saddr . ip6 daddr . meta l4proto . th dport @grants6 accept
        iifname @inside icmpv6 type echo-request ip6 saddr . ip6 daddr @linked6 accept
        iifname @inside meta l4proto tcp reject with tcp reset
        iifname @inside reject with icmpx type host-unreachable
        meta nfproto . oifname @unprotected accept
        icmp type echo-request meta nfproto . oifname @pinged accept
        icmpv6 type echo-request meta nfproto . oifname @pinged accept
        iifname . oifname @trusted ip daddr . meta l4proto . th dport @offered accept
        iifname . oifname @trusted ip6 daddr . meta l4proto . th dport @offered6 accept
        drop
    }
}
table bridge @TABLE@ {
    set guard { type ifname . ether_addr . ipv4_addr; }
    set guard6 { type ifname . ether_addr . ipv6_addr; }
    set addresses6 { typeof iifname . @th,64,128; }
    set own { type ifname . ifname; }
    chain prerouting {
        type filter hook prerouting priority -300; policy accept;
        iifname != "@VETH@*" accept
        ip daddr 127.0.0.0/8 drop
        ip6 daddr ::1 drop
        ether type ip iifname . ether saddr . ip saddr @guard accept
        ether type arp iifname . ether saddr . arp saddr ip @guard accept
        icmpv6 type { nd-router-advert, nd-redirect } drop
        icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @addresses6 drop
        ether type ip6 iifname . ether saddr . ip6 saddr @guard6 accept
        ip6 saddr :: icmpv6 type { mld-listener-report, mld2-listener-report } accept
        ip6 saddr :: icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @addresses6 accept
        drop
    }
    chain forward {
        type filter hook forward priority -200; policy accept;
        meta pkttype host accept
        iifname . oifname @own drop
    }
}
"""


def ruleset(table: str, veth_prefix: str) -> str:
    """The whole ruleset of one daemon, replacing an earlier one atomically. Elements are added afterwards."""
    return _RULESET.replace("@TABLE@", table).replace("@VETH@", veth_prefix)


def removal(table: str) -> str:
    """Text that removes everything of the daemon; absent is fine."""
    return "".join(f"table {f} {table} {{}}\ndelete table {f} {table}\n" for f in ("inet", "bridge"))


def network_elements(network: Network) -> list[Element]:
    """What a bridge network needs once it exists."""
    name = ifname(network.bridge)
    out = [Element("inside", name)]
    if network.icc:
        out += [Element("open", name + name), *_trusting(network, name)]
    if network.internal:
        out.append(Element("internal", name))
    translated = network.masquerade and not network.internal
    for subnet in (network.subnet, network.subnet6):
        if subnet is not None:
            out += _sources("subnets", "blocks", subnet)
            if translated and network.mode_of(subnet.version) is not GatewayMode.ROUTED:
                seen_as = network.seen_as_of(subnet.version)
                chosen = "masqueraded" if seen_as is None else "sourced"
                out += _sources(chosen, f"{chosen}_blocks", subnet, seen_as)
            if network.icc:
                out += _exposed(network, name, subnet.version)
    return out


def _exposed(network: Network, device: bytes, version: int) -> list[Element]:
    """Leave for everybody who has a route to what is behind this device: for all, or for echo requests."""
    name = {GatewayMode.UNPROTECTED: "unprotected", GatewayMode.ROUTED: "pinged"}.get(network.mode_of(version))
    return [Element(name, _NFPROTO[version] + device)] if name is not None and not network.internal else []


def _trusting(network: Network, device: bytes) -> list[Element]:
    return [Element("trusted", ifname(interface) + device) for interface in network.trusted]


def guarded_element(version: int) -> Element:
    """The daemon turned forwarding of this family on."""
    return Element("guarded", _NFPROTO[version][:1])


def of_family(name: str, address: Address | IPv4Network | IPv6Network) -> str:
    """The set of the address's family."""
    return name if address.version == 4 else f"{name}6"


def _sources(
    intervals: str, blocks: str, subnet: IPv4Network | IPv6Network, seen_as: Address | None = None
) -> list[Element]:
    """A subnet as blocks of /24 (or /64), found by hash. One that is no handful of these is an interval: with each
    change the kernel walks over all intervals of a set, which makes the thousandth network dearer than the first."""
    block, most = _BLOCK[subnet.version], subnet.prefixlen + _HANDFUL
    if not subnet.prefixlen <= block <= most:
        return _interval(intervals, subnet, seen_as)
    name, data = of_family(blocks, subnet), seen_as.packed if seen_as is not None else None
    return [Element(name, piece.network_address.packed, data) for piece in subnet.subnets(new_prefix=block)]


def _interval(name: str, subnet: IPv4Network | IPv6Network, seen_as: Address | None = None) -> list[Element]:
    first, after = subnet.network_address, subnet.broadcast_address + 1
    return [
        Element(of_family(name, subnet), first.packed, seen_as.packed if seen_as is not None else None),
        Element(of_family(name, subnet), after.packed, key_end=INTERVAL_END),
    ]


def endpoint_elements(device: str, end: Endpoint, network: Network) -> list[Element]:
    """Leave for what one endpoint sends, as a port of a bridge or routed."""
    name, mac = ifname(device), bytes.fromhex(end.mac_address.replace(":", ""))
    out = [Element("own", name + name, family=BRIDGE), Element("inside", name)]
    if network.internal:
        out.append(Element("internal", name))
    if not network.icc:
        out += _trusting(network, name)
    for own in end.link_local:
        out += _sender(name, mac, own.ip)
        if own.version == 6:
            out.append(Element("addresses6", name + own.ip.packed, family=BRIDGE))
    if end.address is not None:
        out += _sender(name, mac, end.address.ip)
        out += _exposed(network, name, 4) if not network.icc else []
    if end.address6 is not None:
        out += _sender(name, mac, end.address6.ip)
        out += _exposed(network, name, 6) if not network.icc else []
        for address in (end.address6.ip, link_local(mac)):
            out.append(Element("addresses6", name + address.packed, family=BRIDGE))
        out.append(Element("guard6", name + pad(mac) + link_local(mac).packed, family=BRIDGE))
    return out


def _sender(device: bytes, mac: bytes, address: Address) -> list[Element]:
    return [
        Element(of_family("guard", address), device + pad(mac) + address.packed, family=BRIDGE),
        Element(of_family("sources", address), device + address.packed),
    ]


def link_local(mac: bytes) -> IPv6Address:
    """The address that the kernel gives an interface with this MAC (RFC 4291, appendix A)."""
    middle = bytes((mac[0] ^ 2, mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]))
    return IPv6Address(b"\xfe\x80" + bytes(6) + middle)


def grant_elements(grants: Iterable[Grant]) -> list[Element]:
    """Leave for links: the granted ports, and echo requests from the same consumer to the same source."""
    out: dict[tuple[str, bytes], Element] = {}
    for grant in grants:
        pair = grant.consumer.packed + grant.source.packed
        if grant.port:
            name, key = of_family("grants", grant.source), pair + protocol(grant.protocol) + service(grant.port)
            out[name, key] = Element(name, key)
        name = of_family("linked", grant.source)
        out[name, pair] = Element(name, pair)
    return list(out.values())


_FIELDS = {
    "inside": "n", "sources": "ni", "internal": "n", "open": "nn", "subnets": "i", "masqueraded": "i", "blocks": "i",
    "masqueraded_blocks": "i", "blocks6": "j", "masqueraded_blocks6": "j", "grants": "iips",
    "sourced": "i", "sourced6": "j", "sourced_blocks": "i", "sourced_blocks6": "j",
    "linked": "ii", "publish": "ps", "publish_at": "ips", "publish_range": "ps", "publish_range_at": "ips",
    "guard": "nmi", "own": "nn", "loopback": "ips", "sources6": "nj", "subnets6": "j", "masqueraded6": "j",
    "grants6": "jjps", "linked6": "jj", "guard6": "nmj", "addresses6": "nh", "guarded": "f", "unprotected": "fn",
    "publish6": "ps", "publish_at6": "jps", "publish_range6": "ps", "publish_range_at6": "jps", "direct": "ips",
    "direct6": "jps", "offered": "ips", "offered6": "jps", "trusted": "nn", "pinged": "fn",
}  # fmt: skip
_WIDTH = {"n": 16, "i": 4, "j": 16, "h": 16, "p": 4, "s": 4, "m": 8, "f": 4}
_DATA = {4: "i", 8: "is", 16: "j", 20: "js"}
_INTERVALS = ("subnets", "masqueraded", "sourced", "subnets6", "masqueraded6", "sourced6")


def _fields(kinds: str, raw: bytes) -> list[str]:
    """A packed key as nft text, field by field."""
    out = []
    for kind in kinds:
        part, raw = raw[: _WIDTH[kind]], raw[_WIDTH[kind] :]
        if kind == "n":
            out.append(f'"{part.rstrip(bytes(1)).decode()}"')
        elif kind in "ij":
            out.append(str(ip_address(part)))
        elif kind == "h":
            out.append(f"0x{part.hex()}")
        elif kind == "f":
            out.append({2: "ipv4", 10: "ipv6"}[part[0]])
        elif kind == "m":
            out.append(part[:6].hex(":"))
        else:
            out.append(str(part[0] if kind == "p" else int.from_bytes(part[:2], "big")))
    return out


def _span(first: Element, end: Element) -> str:
    """An interval, and its value if it is a map's."""
    value = f" : {ip_address(first.data)}" if first.data is not None else ""
    return f"{ip_address(first.key)}-{ip_address(end.key) - 1}{value}"


def render(table: str, elements: Sequence[Element]) -> str:
    """The same elements as nft text, to be loaded in one transaction with the ruleset."""
    rows: dict[tuple[int, str], list[str]] = {}
    bounds: dict[str, list[Element]] = {}
    for element in elements:
        kinds = _FIELDS[element.name]
        if element.name in _INTERVALS:
            bounds.setdefault(element.name, []).append(element)
            continue
        first = _fields(kinds, element.key)
        if element.key_end:
            last = _fields(kinds, element.key_end)
            first = [a if a == b else f"{a}-{b}" for a, b in zip(first, last, strict=True)]
        text = " . ".join(first)
        if element.data is not None:
            text += " : " + " . ".join(_fields(_DATA[len(element.data)], element.data))
        rows.setdefault((element.family, element.name), []).append(text)
    for name, ends in bounds.items():
        pairs = zip(ends[::2], ends[1::2], strict=True)
        rows.setdefault((INET, name), []).extend(_span(first, end) for first, end in pairs)
    family = {INET: "inet", BRIDGE: "bridge"}
    return "".join(
        f"add element {family[number]} {table} {name} {{ {', '.join(dict.fromkeys(texts))} }}\n"
        for (number, name), texts in rows.items()
    )
