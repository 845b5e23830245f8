"""A published port by the host's addresses, asked for by containers of its own bridge, of another, and by its owner.

Played with and without br_netfilter's translation of bridged frames: hosts of Docker and Kubernetes have it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testbed import host
from testbed.engine import Engine
from testbed.inside import Inside, serve

pytestmark = pytest.mark.root

_SWITCH = "/proc/sys/net/bridge/bridge-nf-call-iptables"
PORT = 8080


@pytest.fixture(scope="module", params=["1", "0"], ids=["br_netfilter", "plain"])
def town(request: pytest.FixtureRequest, new_module_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """On the default bridge (no icc) `web` and `near`; on `open` (icc) `shop` and `mate`; each server publishes."""
    if request.param == "1" and not Path(_SWITCH).exists():
        pytest.skip("this kernel has no br_netfilter")
    engine = new_module_engine()
    if Path(_SWITCH).exists():
        engine.host.here.run("sh", "-c", f"echo {request.param} > {_SWITCH}")
    sleep = ("box", "sleep", "1000")
    engine.do("network", "create", "open")
    engine.do("run", "-d", "--name", "web", "-p", f"{PORT}:80/tcp", "-p", f"{PORT}:80/udp", *sleep)
    engine.do("run", "-d", "--name", "near", *sleep)
    ports = ("-p", f"{PORT + 1}:80/tcp", "-p", f"{PORT + 1}:80/udp")
    engine.do("run", "-d", "--name", "shop", "--network", "open", *ports, *sleep)
    engine.do("run", "-d", "--name", "mate", "--network", "open", *sleep)
    with ExitStack() as servers:
        for name in ("web", "shop"):
            servers.enter_context(serve(Inside(engine, name), name, 80))
        yield engine


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest.mark.parametrize("address", [host.ADDRESS, host.SECOND_ADDRESS, "gateway"])
@pytest.mark.parametrize(
    ("asker", "port", "answers"),
    [
        ("near", PORT, "web"),
        ("web", PORT, "web"),
        ("shop", PORT, "web"),
        ("mate", PORT + 1, "shop"),
        ("shop", PORT + 1, "shop"),
        ("near", PORT + 1, "shop"),
    ],
    ids=lambda value: str(value),
)
def test_a_container_reaches_a_published_port(
    town: Engine, asker: str, port: int, answers: str, address: str, *, udp: bool
) -> None:
    inside = Inside(town, asker)
    if address == "gateway":
        address = inside.run("ip", "-4", "route", "show", "default").split()[2]
    for _ in range(3):
        said = inside.talk(address, port, "hello" if udp else "", udp=udp)
        assert (said or "").split()[:1] == [answers]


def test_what_is_not_published_stays_closed_on_the_same_bridge(town: Engine) -> None:
    near = Inside(town, "near")
    for address in (town.address("web"), "172.17.0.1", host.ADDRESS):
        assert near.talk(address, 80) is None
        assert near.talk(address, 80, "hello", udp=True, timeout_s=0.5) is None


def test_a_frame_for_the_neighbours_own_mac_does_not_arrive(town: Engine) -> None:
    """Whoever knows the MAC of a neighbour (it is made from the address) still sends through the host's rules."""
    near, web = Inside(town, "near"), town.address("web")
    mac = town.inspect("web")["NetworkSettings"]["Networks"]["bridge"]["MacAddress"]
    near.ip("neighbour", "replace", web, "lladdr", mac, "dev", "eth0")
    try:
        assert near.talk(web, 80, timeout_s=0.7) is None
        assert near.talk(web, 80, "hello", udp=True, timeout_s=0.5) is None
    finally:
        near.ip("neighbour", "del", web, "dev", "eth0")
