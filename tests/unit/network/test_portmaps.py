"""Which elements published ports need, of both families."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

import pytest

from fairlead.model.container import Endpoint, EndpointRequest, Port, PublishedPort
from fairlead.model.network import GatewayMode, Network
from fairlead.network import firewall, portmaps

NETWORK = Network(id="n", name="n", created=datetime(2026, 1, 1, tzinfo=UTC))
BOTH = Endpoint(
    id="e", network_id="n", network_name="n", request=EndpointRequest(), address=IPv4Interface("10.0.0.2/24"),
    address6=IPv6Interface("fd00::2/64"),
)  # fmt: skip
FOUR, SIX = replace(BOTH, address6=None), replace(BOTH, address=None)


def rendered(end: Endpoint, *published: PublishedPort, network: Network = NETWORK, direct: bool = False) -> list[str]:
    """`set { elements }`, without the words that are always there."""
    found = firewall.render("t", portmaps.elements(end, published, network, direct=direct))
    return sorted(line.removeprefix("add element inet t ") for line in found.splitlines())


def at(host_ip: str, host_port: int, number: int = 80, *, forwarded: bool = False) -> PublishedPort:
    return PublishedPort(Port(number), host_ip, host_port, forwarded)


@pytest.mark.parametrize(
    ("end", "published", "elements"),
    [
        (BOTH, at("0.0.0.0", 8080), ["publish { 6 . 8080 : 10.0.0.2 . 80 }"]),
        (BOTH, at("::", 8080), ["publish6 { 6 . 8080 : fd00::2 . 80 }"]),
        (BOTH, at("2001:db8::1", 8080), ["publish_at6 { 2001:db8::1 . 6 . 8080 : fd00::2 . 80 }"]),
        (FOUR, at("::", 8080), []),
        (SIX, at("0.0.0.0", 8080), []),
        (BOTH, at("::1", 8080), []),
        (BOTH, at("::", 8080, forwarded=True), []),
        (BOTH, at("127.0.0.1", 8080), [
            "loopback { 127.0.0.1 . 6 . 8080 }", "publish_at { 127.0.0.1 . 6 . 8080 : 10.0.0.2 . 80 }",
        ]),
        (BOTH, at("0.0.0.0", 0), ["direct { 10.0.0.2 . 6 . 80 }"]),
        (BOTH, at("::", 0), ["direct6 { fd00::2 . 6 . 80 }"]),
    ],
)  # fmt: skip
def test_a_port_is_translated_where_the_kernel_can(
    end: Endpoint, published: PublishedPort, elements: list[str]
) -> None:
    assert rendered(end, published) == elements


def test_a_run_of_ports_that_keep_their_numbers_is_one_element() -> None:
    run = [at(ip, number, number) for ip in ("0.0.0.0", "::") for number in range(8000, 9000)]
    assert rendered(BOTH, *run) == [
        "publish_range { 6 . 8000-8999 : 10.0.0.2 }",
        "publish_range6 { 6 . 8000-8999 : fd00::2 }",
    ]


def test_interfaces_that_are_trusted_reach_what_is_published_to_others() -> None:
    trusting = replace(NETWORK, trusted=("eth9",))
    assert rendered(BOTH, at("0.0.0.0", 8080), at("127.0.0.1", 8081, 81), network=trusting)[1:] == [
        "offered { 10.0.0.2 . 6 . 80 }",
        "publish { 6 . 8080 : 10.0.0.2 . 80 }",
        "publish_at { 127.0.0.1 . 6 . 8081 : 10.0.0.2 . 81 }",
    ]


def test_direct_routing_opens_what_is_published_to_all() -> None:
    assert rendered(BOTH, at("0.0.0.0", 8080), at("::1", 8081, 81), direct=True) == [
        "direct { 10.0.0.2 . 6 . 80 }",
        "publish { 6 . 8080 : 10.0.0.2 . 80 }",
    ]


@pytest.mark.parametrize(
    ("mode", "name"), [(GatewayMode.UNPROTECTED, "unprotected"), (GatewayMode.ROUTED, "pinged"), (GatewayMode.NAT, "")]
)
def test_a_mode_opens_a_network_for_its_family_alone(mode: GatewayMode, name: str) -> None:
    four, six = IPv4Interface("10.0.0.0/24").network, IPv6Interface("fd00::/64").network
    network = replace(NETWORK, bridge="br-n", gateway_mode6=mode, subnet=four, subnet6=six)
    text = firewall.render("t", firewall.network_elements(network))
    assert (f'{name} {{ ipv6 . "br-n" }}' in text) == bool(name)
    assert "ipv4 ." not in text
    assert ("masqueraded_blocks6" in text) == (mode is not GatewayMode.ROUTED)


def test_a_network_that_others_see_by_an_address_of_its_own_is_not_masqueraded() -> None:
    four, six = IPv4Network("10.0.0.0/25"), IPv6Network("fd00::/63")
    network = replace(
        NETWORK, bridge="br-n", subnet=four, subnet6=six, seen_as=IPv4Address("192.0.2.7"), seen_as6=IPv6Address("::7")
    )
    text = firewall.render("t", firewall.network_elements(network))
    assert "sourced { 10.0.0.0-10.0.0.127 : 192.0.2.7 }" in text
    assert "sourced_blocks6 { fd00:: : ::7, fd00:0:0:1:: : ::7 }" in text
    assert "masqueraded" not in text
    assert "sourced" not in firewall.render("t", firewall.network_elements(replace(network, masquerade=False)))
