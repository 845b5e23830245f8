"""Gateway modes, and the default route that moves while a container runs: by packets, v4 and v6, TCP and UDP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from testbed import host
from testbed.engine import Engine
from testbed.inside import Inside, serve
from testbed.namespace import Namespace
from testbed.probe import Target, ask

pytestmark = pytest.mark.root

HOST = {4: host.ADDRESS, 6: "2001:db8:f::1"}
FAR = {4: host.FAR_ADDRESS, 6: "2001:db8:f::2"}
OTHER = {4: host.SECOND_ADDRESS, 6: "2001:db8:f::3"}
"""Addresses of the host by which it would not speak of its own accord."""
SLEEP = ("box", "sleep", "1000")
ICC = "com.docker.network.bridge.enable_icc=false"


def mode(name: str) -> list[str]:
    return [word for v in (4, 6) for word in ("-o", f"com.docker.network.bridge.gateway_mode_ipv{v}={name}")]


NETWORKS = {
    "plain": [],
    "second": [],
    "inner": ["--internal"],
    "loose": mode("nat-unprotected"),
    "loose-private": [*mode("nat-unprotected"), "-o", ICC],
    "shut": ["--internal", *mode("isolated"), "-o", "com.docker.network.bridge.name=br-shut"],
    "shut-private": ["--internal", *mode("isolated"), "-o", ICC],
}
MEMBERS = ("plain", "loose", "loose-private", "shut", "shut-private")
"""Networks that have two containers, `<network>-1` and `-2`; the first serves."""


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Iterator[Engine]:
    engine = new_module_engine("--ipv6")
    engine.host.here.ip("address", "add", f"{HOST[6]}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("address", "add", f"{FAR[6]}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("-6", "route", "add", "default", "via", HOST[6])
    for name, options in NETWORKS.items():
        engine.do("network", "create", "--ipv6", *options, name)
    for network in MEMBERS:
        for number in (1, 2):
            engine.do("run", "-d", "--name", f"{network}-{number}", "--network", network, *SLEEP)
    with ExitStack() as servers:
        for network in MEMBERS:
            servers.enter_context(serve(Inside(engine, f"{network}-1"), f"{network}-1", 80))
        servers.enter_context(serve(engine.host.far, "far", 80))
        yield engine


def addresses(engine: Engine, name: str, network: str) -> dict[int, str]:
    end = engine.inspect(name)["NetworkSettings"]["Networks"][network]
    return {4: end["IPAddress"], 6: end["GlobalIPv6Address"]}


def datagrams(engine: Engine) -> list[int]:
    """How many the host's own programs have received, v4 and v6; an answer is not needed to do harm."""
    words = (
        "awk '/^Udp: [0-9]/ {print $2}' /proc/net/snmp",
        "awk '/^Udp6InDatagrams/ {print $2}' /proc/net/snmp6",
    )
    return [int(engine.host.here.run("sh", "-c", word)) for word in words]


def answers(engine: Engine, place: Namespace, network: str, expected: list[bool]) -> bool:
    """Whether the network's server answers somebody there as expected: v4 and v6, over TCP and UDP."""
    both = addresses(engine, f"{network}-1", network).values()
    targets = [Target(to, 80, udp) for to in both for udp in (False, True)]
    said = ask(place, targets, timeout_s=2 if expected == ALL else 0.4)
    return [(answer or "").startswith(f"{network}-1 ") for answer in said] == expected


ALL, NONE = [True] * 4, [False] * 4


@pytest.mark.parametrize(
    ("network", "expected"),
    [("plain", NONE), ("loose", ALL), ("loose-private", ALL), ("shut", NONE), ("shut-private", NONE)],
)
def test_another_machine_gets_to_containers_addresses(town: Engine, network: str, expected: list[bool]) -> None:
    assert answers(town, town.host.far, network, expected)


@pytest.mark.parametrize("network", ["loose", "loose-private", "shut", "shut-private"])
def test_containers_of_other_networks_do_not(town: Engine, network: str) -> None:
    assert answers(town, Inside(town, "plain-2"), network, NONE)


@pytest.mark.parametrize(
    ("network", "expected"), [("loose", ALL), ("loose-private", NONE), ("shut", ALL), ("shut-private", NONE)]
)
def test_neighbours_do_where_the_network_is_open(town: Engine, network: str, expected: list[bool]) -> None:
    assert answers(town, Inside(town, f"{network}-2"), network, expected)


@pytest.mark.parametrize(
    ("network", "expected"), [("loose", ALL), ("loose-private", ALL), ("shut", NONE), ("shut-private", NONE)]
)
def test_the_host_does_where_it_has_an_address(town: Engine, network: str, expected: list[bool]) -> None:
    assert answers(town, town.host.here, network, expected)


def test_who_leaves_an_unprotected_network_has_the_hosts_address(town: Engine) -> None:
    for name in ("loose-1", "loose-private-1"):
        assert ask(Inside(town, name), [Target(to, 80) for to in FAR.values()]) == [f"far {HOST[4]}", f"far {HOST[6]}"]


def seen_as(address: dict[int, str]) -> list[str]:
    return [word for v in (4, 6) for word in ("-o", f"com.docker.network.host_ipv{v}={address[v]}")]


@pytest.mark.parametrize("subnets", [("10.77.0.0/24", "fd77::/64"), ("10.78.0.0/25", "fd78::/72")])
def test_who_leaves_a_network_has_the_address_that_was_chosen_for_it(town: Engine, subnets: tuple[str, ...]) -> None:
    """Given while the engine runs, and loaded again by the next daemon; a neighbour network keeps the usual one."""
    words = [word for subnet in subnets for word in ("--subnet", subnet)]
    town.host.here.ip("address", "add", f"{OTHER[6]}/64", "dev", "uplink", "nodad", "preferred_lft", "0")
    town.do("network", "create", "--ipv6", *words, *seen_as(OTHER), "chosen")
    town.do("run", "-d", "--name", "chooser", "--network", "chosen", *SLEEP)
    outside = [Target(to, 80, udp) for to in FAR.values() for udp in (False, True)]

    def seen(name: str) -> list[str]:
        return [(said or "").split(" ")[1] for said in ask(Inside(town, name), outside)]

    try:
        for _ in range(2):
            assert seen("chooser") == [OTHER[4], OTHER[4], OTHER[6], OTHER[6]]
            assert seen("plain-1") == [HOST[4], HOST[4], HOST[6], HOST[6]]
            town.kill()
            town.start()
    finally:
        town.do("rm", "-f", "chooser")
        town.do("network", "rm", "chosen")
        town.host.here.ip("address", "del", f"{OTHER[6]}/64", "dev", "uplink")


@pytest.mark.parametrize("name", ["shut-1", "shut-private-1"])
def test_nobody_leaves_an_isolated_network(town: Engine, name: str) -> None:
    """Not even one who knows the bridge's own MAC, and sends there what is for the host or for others."""
    device = json.loads(Inside(town, name).ip("-json", "link", "show", "eth0"))[0]["link_index"]
    ports = json.loads(town.host.here.ip("-json", "link", "show"))
    bridge = next(link["master"] for link in ports if link["ifindex"] == device)
    shown = json.loads(town.host.here.ip("-json", "address", "show", "dev", bridge))[0]
    assert shown["addr_info"] == []
    inside = Inside(town, name)
    for version, via in ((4, "169.254.7.7"), (6, "fe80::7")):
        inside.ip(f"-{version}", "neigh", "replace", via, "lladdr", shown["address"], "dev", "eth0")
        inside.ip(f"-{version}", "route", "add", "default", "via", via, "dev", "eth0", "onlink")
    try:
        with serve(town.host.here, "host", 8088):
            before = datagrams(town)
            targets = [Target(to, 80, udp) for to in FAR.values() for udp in (False, True)]
            targets += [Target(to, 8088, udp) for to in HOST.values() for udp in (False, True)]
            assert ask(inside, targets, timeout_s=0.4) == [None] * 8
            assert datagrams(town) == before
    finally:
        for version in (4, 6):
            inside.ip(f"-{version}", "route", "del", "default")


# --- the default route moves ------------------------------------------------------------------------------------


def ways_out(engine: Engine, name: str) -> list[str]:
    """The gateways of its default routes, v4 and v6."""
    lines = (Inside(engine, name).ip(f"-{v}", "route", "show", "default").split() for v in (4, 6))
    return [words[2] if words else "" for words in lines]


def gateways(engine: Engine, network: str) -> list[str]:
    return [config["Gateway"] for config in engine.json("GET", f"/networks/{network}")["IPAM"]["Config"]]


def test_the_default_route_and_published_ports_move_with_the_networks(town: Engine) -> None:
    far, published = town.host.far, [Target(to, 8080, udp) for to in HOST.values() for udp in (False, True)]
    outside = [Target(to, 80, udp) for to in FAR.values() for udp in (False, True)]

    def moved_to(network: str) -> None:
        assert ways_out(town, "mover") == gateways(town, network)
        assert [(said or "").split(" ")[0] for said in ask(far, published)] == ["mover"] * 4
        assert [(said or "").split(" ")[:2] for said in ask(Inside(town, "mover"), outside)] == [
            ["far", HOST[version]] for version in (4, 4, 6, 6)
        ]

    ports = [word for kind in ("tcp", "udp") for word in ("-p", f"8080:80/{kind}")]
    town.do("run", "-d", "--name", "mover", "--network", "plain", *ports, *SLEEP)
    try:
        with serve(Inside(town, "mover"), "mover", 80):
            moved_to("plain")
            town.do("network", "connect", "inner", "mover")
            moved_to("plain")
            town.do("network", "connect", "--gw-priority", "7", "second", "mover")
            moved_to("second")
            town.do("network", "connect", "bridge", "mover")
            moved_to("second")
            town.do("network", "disconnect", "second", "mover")
            moved_to("bridge")
            town.do("network", "disconnect", "bridge", "mover")
            moved_to("plain")
            town.do("network", "disconnect", "plain", "mover")
            assert ways_out(town, "mover") == ["", ""]
            assert ask(far, published) == [None] * 4
            assert ask(Inside(town, "mover"), outside) == [None] * 4
            town.do("network", "connect", "plain", "mover")
            moved_to("plain")
    finally:
        town.do("rm", "-f", "mover")
