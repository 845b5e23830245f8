"""Which host ports a container asks for, and which of them it had before."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

import pytest

from fairlead.model.container import Port, PortBinding, PublishedPort
from fairlead.network import wishes
from fairlead.network.wishes import Terms, Wish

WEB, DNS = Port(80), Port(53, "udp")
TERMS = Terms(default_ip=IPv4Address(0), ipv6=True)
BOTH = ("0.0.0.0", "::")


def wanted(
    bindings: Mapping[Port, tuple[PortBinding, ...]],
    *remembered: PublishedPort,
    terms: Terms = TERMS,
    publish_all: bool = False,
) -> list[Wish]:
    return wishes.wanted(
        {WEB, DNS}, bindings, terms, publish_all=publish_all, forwarded=lambda _: False, remembered=remembered
    )


def test_what_is_exposed_only_is_not_asked_for() -> None:
    assert wanted({WEB: (PortBinding("", "8080"),)}) == [Wish(WEB, BOTH, 8080, 8080)]


def test_publish_all_asks_for_the_rest() -> None:
    got = wanted({WEB: (PortBinding("", "8080"),)}, publish_all=True)
    assert got == [Wish(WEB, BOTH, 8080, 8080), Wish(DNS, BOTH)]


def test_exact_numbers_come_before_chosen_ones() -> None:
    got = wanted({DNS: (PortBinding(),), WEB: (PortBinding("", "32768"),)})
    assert [wish.port for wish in got] == [WEB, DNS]


@pytest.mark.parametrize(
    ("terms", "binding", "addresses"),
    [
        (TERMS, PortBinding("", ""), BOTH),
        (Terms(default_ip=IPv4Address(0), ipv6=False), PortBinding("", ""), ("0.0.0.0",)),
        (Terms(default_ip=IPv4Address("127.0.0.1"), ipv6=True), PortBinding("", ""), ("127.0.0.1",)),
        (Terms(default_ip=IPv4Address("127.0.0.1"), ipv6=True), PortBinding("0.0.0.0", ""), ("0.0.0.0",)),
        (TERMS, PortBinding("::0", ""), ("::",)),
        (TERMS, PortBinding("2001:DB8::1", ""), ("2001:db8::1",)),
    ],
)
def test_a_wish_names_the_addresses_it_binds(terms: Terms, binding: PortBinding, addresses: tuple[str, ...]) -> None:
    assert wanted({WEB: (binding,)}, terms=terms)[0].addresses == addresses


ANY = IPv4Address(0)


@pytest.mark.parametrize(
    ("terms", "host_ip", "addresses", "routed"),
    [
        (Terms(default_ip=ANY, ipv6=True, inside6=True), "", BOTH, ()),
        (Terms(default_ip=ANY, ipv6=True, inside4=False, inside6=True), "", ("::",), ()),
        (Terms(default_ip=ANY, ipv6=True, inside6=True, routed=frozenset({4})), "", ("::",), ("0.0.0.0",)),
        (Terms(default_ip=ANY, ipv6=True, inside6=True, routed=frozenset({6})), "", ("0.0.0.0",), ("::",)),
        (Terms(default_ip=ANY, ipv6=True, inside6=True, routed=frozenset({4, 6})), "", (), BOTH),
        (Terms(default_ip=ANY, ipv6=True, routed=frozenset({4, 6})), "", (), ("0.0.0.0",)),
        (Terms(default_ip=ANY, ipv6=True, routed=frozenset({4})), "192.0.2.1", (), ("0.0.0.0",)),
    ],
)
def test_families_are_bound_routed_or_left_out(
    terms: Terms, host_ip: str, addresses: tuple[str, ...], routed: tuple[str, ...]
) -> None:
    wish = wanted({WEB: (PortBinding(host_ip, ""),)}, terms=terms)[0]
    assert (wish.addresses, wish.routed) == (addresses, routed)


def test_ipv4_is_not_published_for_a_container_that_has_none() -> None:
    terms = Terms(default_ip=ANY, ipv6=True, inside4=False, inside6=True)
    assert wanted({WEB: (PortBinding("0.0.0.0", "8080"),)}, terms=terms) == []


def test_what_is_for_the_loopback_is_not_opened_on_a_routed_network() -> None:
    terms = Terms(default_ip=ANY, ipv6=True, routed=frozenset({4}))
    assert wanted({WEB: (PortBinding("127.0.0.1", "8080"),)}, terms=terms) == []


def test_nothing_is_remembered_of_what_is_not_bound() -> None:
    assert wishes.chosen([PublishedPort(WEB, "0.0.0.0", 0)], {WEB: (PortBinding("", "8080"),)}) == ()


def test_a_chosen_number_is_preferred_the_next_time() -> None:
    had = [PublishedPort(WEB, "0.0.0.0", 40000), PublishedPort(WEB, "::", 40000)]
    assert wanted({WEB: (PortBinding(),)}, *had)[0].preferred == 40000


def test_several_chosen_numbers_of_one_port_are_handed_out_one_each() -> None:
    had = [PublishedPort(WEB, "0.0.0.0", number) for number in (40000, 40001)]
    got = wanted({WEB: (PortBinding(), PortBinding(), PortBinding())}, *had)
    assert sorted(wish.preferred for wish in got) == [0, 40000, 40001]


def test_a_number_outside_of_the_range_asked_for_is_not_preferred() -> None:
    had = [PublishedPort(WEB, "0.0.0.0", 40000)]
    assert wanted({WEB: (PortBinding("", "8000-8010"),)}, *had)[0].preferred == 0


def test_an_exact_number_needs_no_memory() -> None:
    had = [PublishedPort(WEB, "0.0.0.0", 40000)]
    assert wanted({WEB: (PortBinding("", "8080"),)}, *had)[0].preferred == 0


def test_only_numbers_we_chose_are_worth_remembering() -> None:
    published = [PublishedPort(WEB, "0.0.0.0", 8080), PublishedPort(DNS, "0.0.0.0", 40000)]
    bindings = {WEB: (PortBinding("", "8080"),), DNS: (PortBinding(),)}
    assert wishes.chosen(published, bindings) == (published[1],)


@pytest.mark.parametrize(
    ("binding", "covered"),
    [
        (PortBinding("", ""), True),
        (PortBinding("", "8080"), True),
        (PortBinding("", "8081"), False),
        (PortBinding("", "8000-8100"), True),
        (PortBinding("127.0.0.1", "8080"), True),
        (PortBinding("127.0.0.2", "8080"), False),
    ],
)
def test_a_binding_covers_what_can_have_come_from_it(binding: PortBinding, *, covered: bool) -> None:
    assert wishes.covers(binding, PublishedPort(WEB, "127.0.0.1", 8080)) is covered
