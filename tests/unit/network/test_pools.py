"""Which subnet a network gets, and at what cost."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest

from fairlead.errors import Forbidden, SystemFailure
from fairlead.model.settings import AddressPool, Settings
from fairlead.network.pools import Pools, Spans

FREE = Spans(32)


def pools(*blocks: tuple[str, int]) -> Pools:
    return Pools([AddressPool(IPv4Network(base), size) for base, size in blocks], bits=32)


def spans(*subnets: str) -> Spans:
    found = Spans(32)
    for subnet in subnets:
        found.add(IPv4Network(subnet))
    return found


def test_pieces_come_one_after_the_other_and_from_the_next_block() -> None:
    made = pools(("10.0.0.0/23", 24), ("10.9.0.0/24", 24))
    assert [str(made.allocate(FREE)) for _ in range(3)] == ["10.0.0.0/24", "10.0.1.0/24", "10.9.0.0/24"]
    with pytest.raises(SystemFailure, match="all predefined address pools have been fully subnetted"):
        made.allocate(FREE)


def test_the_defaults_make_a_thousand_networks() -> None:
    made = Pools(Settings().pools4, bits=32)
    found = {made.allocate(FREE) for _ in range(1000)}
    assert len(found) == 1000
    assert not any(IPv4Network("172.17.0.0/16").overlaps(subnet) for subnet in found if isinstance(subnet, IPv4Network))


def test_what_the_host_routes_is_passed_over_in_one_step() -> None:
    assert str(pools(("10.0.0.0/8", 24)).allocate(spans("10.0.0.0/9"))) == "10.128.0.0/24"


def test_a_route_to_one_address_blocks_its_piece() -> None:
    assert str(pools(("10.0.0.0/16", 24)).allocate(spans("10.0.0.77/32"))) == "10.0.1.0/24"


def test_a_default_route_in_two_halves_leaves_nothing_of_its_half() -> None:
    assert str(pools(("10.0.0.0/16", 24), ("192.168.0.0/16", 24)).allocate(spans("0.0.0.0/1"))) == "192.168.0.0/24"


def test_what_is_given_back_comes_next() -> None:
    made = pools(("10.0.0.0/16", 24))
    first = made.allocate(FREE)
    made.allocate(FREE)
    made.release(first)
    assert made.allocate(FREE) == first
    assert str(made.allocate(FREE)) == "10.0.2.0/24"


def test_what_was_routed_is_found_again_when_the_rest_is_used_up() -> None:
    made = pools(("10.0.0.0/23", 24))
    made.allocate(spans("10.0.0.0/24"))
    assert str(made.allocate(FREE)) == "10.0.0.0/24"


@pytest.mark.parametrize("subnet", ["10.0.0.0/24", "10.0.0.0/8", "10.0.0.128/25", "0.0.0.0/0"])
def test_a_users_subnet_may_not_overlap_another(subnet: str) -> None:
    made = pools(("10.0.0.0/16", 24))
    made.take(IPv4Network("10.0.0.0/24"))
    with pytest.raises(Forbidden, match="Pool overlaps with other one on this address space"):
        made.take(IPv4Network(subnet))


def test_a_users_subnet_is_passed_over() -> None:
    made = pools(("10.0.0.0/16", 24))
    made.take(IPv4Network("10.0.0.0/23"))
    assert str(made.allocate(FREE)) == "10.0.2.0/24"


def test_a_span_known_twice_goes_with_the_second() -> None:
    found = spans("10.0.0.0/24", "10.0.0.0/24")
    found.discard(IPv4Network("10.0.0.0/24"))
    assert found.overlaps(IPv4Network("10.0.0.0/8"))
    found.discard(IPv4Network("10.0.0.0/24"))
    assert not found.overlaps(IPv4Network("10.0.0.0/8"))


def test_ipv6_comes_from_a_block_of_ones_own() -> None:
    made = Pools(Settings().pools6, bits=128)
    first, second = made.allocate(Spans(128)), made.allocate(Spans(128))
    assert first.prefixlen == second.prefixlen == 64
    assert isinstance(first, IPv6Network)
    assert first.supernet(new_prefix=48).network_address.packed[0] == 0xFD
    assert first != second
