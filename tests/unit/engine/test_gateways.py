"""Which endpoint carries the default routes, and how interfaces are called."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from fairlead.engine import gateways
from fairlead.model.container import Endpoint, EndpointRequest
from fairlead.model.network import Network

NET = Network(id="1", name="n", created=datetime.now(UTC))


def end(name: str, *, priority: int = 0, four: bool = True, six: bool = False, interface: str = "") -> Endpoint:
    return Endpoint(
        id=name, network_id=name, network_name=name, interface=interface,
        address=IPv4Interface("10.0.0.2/24") if four else None, gateway=IPv4Address("10.0.0.1") if four else None,
        address6=IPv6Interface("fd00::2/64") if six else None, gateway6=IPv6Address("fd00::1") if six else None,
        request=EndpointRequest(gw_priority=priority),
    )  # fmt: skip


def test_the_first_name_carries_both_routes() -> None:
    ends = [end("b", six=True), end("a", six=True)]
    assert gateways.choose(ends) == (ends[1], ends[1])


def test_priority_beats_the_name() -> None:
    ends = [end("b", priority=1), end("a")]
    assert gateways.choose(ends) == (ends[0], None)


def test_each_family_has_its_own_way() -> None:
    ends = [end("a"), end("b", four=False, six=True)]
    assert gateways.choose(ends) == (ends[0], ends[1])


def test_without_a_gateway_there_is_none() -> None:
    assert gateways.choose([]) == (None, None)


def test_interfaces_take_the_first_free_number() -> None:
    assert gateways.free_name(NET, EndpointRequest(), []) == "eth0"
    assert gateways.free_name(NET, EndpointRequest(), [end("a", interface="eth1")]) == "eth0"
    assert gateways.free_name(NET, EndpointRequest(), [end("a"), end("b")]) == "eth2"


def test_an_interface_may_be_named() -> None:
    request = EndpointRequest(driver_opts={"com.docker.network.endpoint.ifname": "wan"})
    assert gateways.free_name(NET, request, []) == "wan"
