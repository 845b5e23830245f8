"""Published ports over IPv6: the kernel translates them too, and the container sees who asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testbed.engine import Engine
from testbed.inside import Inside, serve
from testbed.namespace import CommandFailed, Namespace

pytestmark = pytest.mark.root

FAR, HOST, SECOND = "2001:db8:f::2", "2001:db8:f::1", "2001:db8:f::3"
_SWITCH = "/proc/sys/net/bridge/bridge-nf-call-ip6tables"
SLEEP = ("box", "sleep", "1000")
BRIDGE = "com.docker.network.bridge."
ROUTED = ("-o", f"{BRIDGE}gateway_mode_ipv4=routed", "-o", f"{BRIDGE}gateway_mode_ipv6=routed")

# Sends an echo request and waits for the answer.
_ECHO = """
import socket, sys
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, 58 if six else 1)
s.settimeout(0.7)
s.connect((sys.argv[1], 0))
s.send(bytes.fromhex("8000000000070001" if six else "0800f7f700070001"))
while s.recv(100)[0 if six else 20] != (129 if six else 0):
    pass
"""


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """`db` on the private default bridge, `aa` on an open network, `ss` where there is only IPv6: all publish port 80,
    and nobody port 81. `rr` and `pp` are on routed networks, an open and a private one, `tt` on one that trusts."""
    engine = new_module_engine("--ipv6")
    for address in (HOST, SECOND):
        engine.host.here.ip("address", "add", f"{address}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("address", "add", f"{FAR}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("-6", "route", "add", "default", "via", HOST)
    engine.do("network", "create", "--ipv6", "open")
    engine.do("network", "create", "--ipv6", "--ipv4=false", "six")
    engine.do("network", "create", "--ipv6", *ROUTED, "routed")
    engine.do("network", "create", "--ipv6", *ROUTED, "-o", f"{BRIDGE}enable_icc=false", "apart")
    engine.do("network", "create", "--ipv6", "-o", f"{BRIDGE}trusted_host_interfaces=eth9:uplink", "trusting")
    for name, network, last in (("db", "bridge", 80), ("aa", "open", 81), ("ss", "six", 82)):
        ports = (f"80{last}:80", f"80{last}:80/udp", f"[{SECOND}]:9{last}:80", f"[::1]:7{last}:80")
        engine.do("run", "-d", "--name", name, "--network", network, *(f"-p={port}" for port in ports), *SLEEP)
    engine.do("run", "-d", "--name", "near", *SLEEP)
    engine.do("run", "-d", "--name", "bb", "--network", "open", *SLEEP)
    engine.do("run", "-d", "--name", "rr", "--network", "routed", "-p", "80", "-p", "80/udp", *SLEEP)
    engine.do("run", "-d", "--name", "pp", "--network", "apart", "-p", "80", "-p", "127.0.0.1:8099:81", *SLEEP)
    engine.do("run", "-d", "--name", "qq", "--network", "apart", *SLEEP)
    engine.do("run", "-d", "--name", "tt", "--network", "trusting", "-p", "8090:80", "-p", "127.0.0.1:8091:81", *SLEEP)
    with ExitStack() as servers:
        for name in ("db", "aa", "ss", "rr", "pp", "tt"):
            servers.enter_context(serve(Inside(engine, name), name, 80, 81))
        yield engine


PUBLISHED = [("db", 8080), ("aa", 8081), ("ss", 8082)]


def place(engine: Engine, name: str) -> Namespace:
    return {"far": engine.host.far, "here": engine.host.here}.get(name) or Inside(engine, name)


def ask(engine: Engine, asker: str, address: str, port: int, *, udp: bool = False, timeout_s: float = 1.5) -> list[str]:
    said = place(engine, asker).talk(address, port, "x" if udp else "", udp=udp, timeout_s=timeout_s)
    return (said or "").split()[:2]


@pytest.mark.parametrize(("name", "port"), PUBLISHED)
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_another_machine_gets_in_under_its_own_address(town: Engine, name: str, port: int, *, udp: bool) -> None:
    assert ask(town, "far", HOST, port, udp=udp) == [name, FAR]


@pytest.mark.parametrize(("name", "port"), PUBLISHED)
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest.mark.parametrize("address", [HOST, "::1"])
def test_the_host_gets_in(town: Engine, name: str, port: int, address: str, *, udp: bool) -> None:
    assert ask(town, "here", address, port, udp=udp)[:1] == [name]


@pytest.fixture(params=["1", "0"], ids=["br_netfilter", "plain"])
def bridged(request: pytest.FixtureRequest, town: Engine) -> Iterator[Engine]:
    """With and without translation of bridged frames: hosts of Docker and Kubernetes have it on."""
    here, had = town.host.here, Path(_SWITCH).exists()
    before = here.run("cat", _SWITCH).strip() if had else "0"
    if had:
        here.run("sh", "-c", f"echo {request.param} > {_SWITCH}")
    yield town
    if had:
        here.run("sh", "-c", f"echo {before} > {_SWITCH}")


@pytest.mark.parametrize("asker", ["near", "bb", "db", "aa", "ss"])
@pytest.mark.parametrize(("name", "port"), PUBLISHED)
def test_a_container_gets_in_by_the_hosts_address(bridged: Engine, asker: str, name: str, port: int) -> None:
    """Its neighbour, itself, one on another network."""
    assert ask(bridged, asker, HOST, port, udp=asker == "bb")[:1] == [name]


def test_a_machine_without_global_address_gets_in_by_link_local_ones(town: Engine) -> None:
    shown = json.loads(town.host.here.ip("-json", "-6", "address", "show", "dev", "uplink", "scope", "link"))
    link_local = next(info["local"] for device in shown for info in device.get("addr_info", ()) if info)
    for name, port in PUBLISHED:
        for udp in (False, True):
            assert ask(town, "far", f"{link_local}%uplink", port, udp=udp)[:1] == [name]


@pytest.mark.parametrize(("name", "last"), [("db", 80), ("aa", 81), ("ss", 82)])
def test_a_port_of_one_address_is_that_ones_alone(town: Engine, name: str, last: int) -> None:
    assert ask(town, "far", SECOND, int(f"9{last}")) == [name, FAR]
    assert ask(town, "far", HOST, int(f"9{last}"), timeout_s=0.4) == []


@pytest.mark.parametrize("asker", ["far", "near", "bb"])
@pytest.mark.parametrize(("name", "last"), [("db", 80), ("aa", 81), ("ss", 82)])
def test_what_is_bound_to_the_hosts_loopback_is_the_hosts(town: Engine, asker: str, name: str, last: int) -> None:
    assert ask(town, asker, HOST, int(f"7{last}"), timeout_s=0.4) == []
    assert ask(town, "here", "::1", int(f"7{last}"))[:1] == [name]


def test_a_family_that_the_container_has_not_is_not_published(town: Engine) -> None:
    assert [b["HostIp"] for b in town.inspect("ss")["NetworkSettings"]["Ports"]["80/tcp"]] == [SECOND, "::", "::1"]


def test_ports_outlive_the_daemon_and_go_with_the_container(town: Engine) -> None:
    town.kill()
    town.start()
    town.do("run", "-d", "--name", "brief", "-p", "8085:80", "-p", "8085:80/udp", "-p", "85-87:85-87", *SLEEP)
    with serve(Inside(town, "brief"), "brief", 80, 85, 86, 87):
        for udp in (False, True):
            assert ask(town, "far", HOST, 8085, udp=udp) == ["brief", FAR]
            assert ask(town, "far", HOST, 8080, udp=udp) == ["db", FAR]
        town.do("port", "rm", "brief", "86:86")
        for address, who in ((HOST, FAR), ("198.51.100.1", "198.51.100.2")):
            assert [ask(town, "far", address, port) for port in (85, 87)] == [["brief", who]] * 2
            assert ask(town, "far", address, 86, timeout_s=0.4) == []
        town.do("rm", "-f", "brief")
    for udp in (False, True):
        assert ask(town, "far", HOST, 8085, udp=udp, timeout_s=0.4) == []


# --- routed networks, and interfaces that are trusted ---------------------------------------------------------------


def own(engine: Engine, name: str, network: str, version: int) -> str:
    key = "IPAddress" if version == 4 else "GlobalIPv6Address"
    return str(engine.inspect(name)["NetworkSettings"]["Networks"][network][key])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("asker", ["far", "here", "near", "bb"])
def test_a_routed_containers_published_port_is_reached_by_its_own_address(
    town: Engine, asker: str, version: int
) -> None:
    assert ask(town, asker, own(town, "rr", "routed", version), 80)[:1] == ["rr"]
    if asker != "here":
        assert ask(town, asker, own(town, "rr", "routed", version), 81, timeout_s=0.4) == []


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_of_it_is_translated(town: Engine, version: int) -> None:
    far = {4: "198.51.100.2", 6: FAR}[version]
    assert ask(town, "far", own(town, "rr", "routed", version), 80) == ["rr", far]
    assert ask(town, "far", own(town, "rr", "routed", version), 80, udp=True) == ["rr", far]
    with serve(town.host.far, "far", 89):
        assert ask(town, "rr", far, 89) == ["far", own(town, "rr", "routed", version)]


@pytest.mark.parametrize("version", [4, 6])
def test_a_routed_private_network_keeps_its_neighbours_apart(town: Engine, version: int) -> None:
    """What is published is for all, neighbours too; the rest is not, nor what is published to the loopback."""
    target = own(town, "pp", "apart", version)
    for asker in ("qq", "far"):
        assert ask(town, asker, target, 80)[:1] == ["pp"]
        assert ask(town, asker, target, 81, timeout_s=0.4) == []


def test_bindings_of_routed_networks_have_no_host_port(town: Engine) -> None:
    ports = town.inspect("rr")["NetworkSettings"]["Ports"]
    assert ports["80/tcp"] == [{"HostIp": "0.0.0.0", "HostPort": ""}, {"HostIp": "::", "HostPort": ""}]
    listed = next(c for c in town.json("GET", "/containers/json") if c["Names"] == ["/rr"])["Ports"]
    assert {tuple(sorted(entry)) for entry in listed} == {("IP", "PrivatePort", "Type")}


@pytest.mark.parametrize("version", [4, 6])
def test_echo_requests_reach_routed_containers_alone(town: Engine, version: int) -> None:
    echo = (sys.executable, "-I", "-S", "-c", _ECHO)
    town.host.far.run(*echo, own(town, "rr", "routed", version))
    with pytest.raises(CommandFailed):
        town.host.far.run(*echo, own(town, "aa", "open", version))


@pytest.mark.parametrize("version", [4, 6])
def test_a_trusted_interface_reaches_published_ports_by_the_containers_address(town: Engine, version: int) -> None:
    target = own(town, "tt", "trusting", version)
    assert ask(town, "far", target, 80)[:1] == ["tt"]
    assert ask(town, "far", target, 81, timeout_s=0.4) == []
    assert ask(town, "far", own(town, "aa", "open", version), 80, timeout_s=0.4) == []
