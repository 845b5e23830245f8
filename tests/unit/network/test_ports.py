"""The allocator of host ports, on the loopback of the machine that runs the test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from fairlead.errors import SystemFailure
from fairlead.model.container import Port, PublishedPort
from fairlead.network.ports import Ports
from fairlead.network.wishes import Wish
from fairlead.steps import finish

WEB = Port(80)
LOOPBACK = ("127.84.7.1",)
TARGET = IPv4Address("172.17.0.2")


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports()
    yield made
    made.close()


def one(ports: Ports, owner: str, *, preferred: int = 0, first: int = 0, last: int = 0) -> int:
    wish = Wish(WEB, LOOPBACK, first, last, preferred)
    return finish(ports.reserve(owner, [wish], TARGET))[0].host_port


def test_numbers_are_given_one_after_the_other(ports: Ports) -> None:
    assert one(ports, "a") + 1 == one(ports, "b")


def test_the_preferred_number_is_given_if_it_is_free(ports: Ports) -> None:
    first = one(ports, "a")
    ports.release("a", [PublishedPort(WEB, LOOPBACK[0], first)])
    one(ports, "b")
    assert one(ports, "a", preferred=first) == first


def test_a_preferred_number_of_somebody_else_is_given_up_for_another(ports: Ports) -> None:
    first = one(ports, "a")
    assert one(ports, "b", preferred=first) != first


def test_a_remembered_number_goes_to_others_last(ports: Ports) -> None:
    ports.remember("stopped", [PublishedPort(WEB, LOOPBACK[0], 21001)])
    got = [one(ports, owner, first=21001, last=21003) for owner in "abc"]
    assert got == [21002, 21003, 21001]


def test_a_forgotten_number_is_like_any_other(ports: Ports) -> None:
    ports.remember("removed", [PublishedPort(WEB, LOOPBACK[0], 21001)])
    ports.forget("removed")
    assert one(ports, "a", first=21001, last=21003) == 21001


def test_a_start_that_is_given_up_half_way_holds_nothing(ports: Ports) -> None:
    wishes = [Wish(WEB, LOOPBACK, number, number) for number in range(21100, 21300)]
    begun = ports.reserve("a", wishes, TARGET)
    next(begun)
    assert len([*ports.holders("a", [PublishedPort(WEB, LOOPBACK[0], 21100)])]) == 1
    begun.close()
    assert [item.host_port for item in finish(ports.reserve("b", wishes, TARGET))] == [*range(21100, 21300)]


def test_one_socket_holds_a_number_in_both_families(ports: Ports) -> None:
    got = finish(ports.reserve("a", [Wish(WEB, ("0.0.0.0", "::"))], TARGET))
    number = got[0].host_port
    assert [item for item, _ in ports.holders("a", got)] == [got[1]]
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as other, pytest.raises(OSError, match="in use"):
            other.bind((address, number))
    ports.release("a", got)
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::", number))


def test_a_number_is_held_before_it_listens_even_from_those_who_would_share_it(ports: Ports) -> None:
    number = one(ports, "a")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK[0], number))


def test_a_number_is_had_again_while_old_connections_linger(ports: Ports) -> None:
    number = one(ports, "a")
    published = [PublishedPort(WEB, LOOPBACK[0], number)]
    [(_, holder)] = ports.holders("a", published)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.listen()
    with socket.create_connection((LOOPBACK[0], number)) as client:
        holder.accept()[0].close()  # who closes first has the lingering end
        client.recv(1)
    ports.release("a", published)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK[0], number))
    assert one(ports, "b", first=number, last=number) == number


def test_an_address_that_cannot_be_had_gives_the_others_back(ports: Ports) -> None:
    with pytest.raises(SystemFailure, match="cannot assign"):
        finish(ports.reserve("a", [Wish(WEB, (*LOOPBACK, "203.0.113.9"), 21400, 21400)], TARGET))
    assert one(ports, "b", first=21400, last=21400) == 21400


def test_all_or_nothing(ports: Ports) -> None:
    taken = one(ports, "a", first=21001, last=21001)
    with pytest.raises(SystemFailure, match="port is already allocated"):
        finish(ports.reserve("b", [Wish(WEB, LOOPBACK, 21002, 21002), Wish(WEB, LOOPBACK, taken, taken)], TARGET))
    assert one(ports, "c", first=21002, last=21002) == 21002
