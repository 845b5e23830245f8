"""kill -9 of the daemon in the midst of network create, connect, disconnect and rm, and a host that lost its power: the
next daemon knows all networks there are, they work, and nothing is in the kernel that nobody knows."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from testbed import host, leftovers
from testbed.engine import Engine, until
from testbed.host import Host
from testbed.inside import Inside, serve
from testbed.probe import Target, ask

pytestmark = [pytest.mark.root, pytest.mark.soak]

KILLS = 30
SEED = 20261125
SLEEP = ("box", "sleep", "1000")
BRIDGE = "com.docker.network.bridge"

# As it goes: private and open networks, one with a bridge of a name, with members that come and go.
_COURSE = (
    "network create n1", f"network create -o {BRIDGE}.enable_icc=false --ipv6 n2",
    f"network create -o {BRIDGE}.name=br9 n3",
    "network connect n1 still", "network connect --alias x n2 still", "network connect n3 still",
    "run -d --name guest --network n1 -p 80 box sleep 1000", "network connect n2 guest",
    "network disconnect n1 still", "network disconnect -f n2 guest", "rm -f guest", "network disconnect n3 still",
    "network disconnect n2 still", "network rm n1", "network rm n2", "network rm n3",
)  # fmt: skip


@pytest.fixture
def town(new_engine: Callable[..., Engine]) -> Iterator[Engine]:
    engine = new_engine("--ipv6")
    engine.do("network", "create", "--ipv6", "open")
    engine.do("run", "-d", "--name", "db", "--expose", "80", *SLEEP)
    engine.do("run", "-d", "--name", "web", "--link", "db", "-p", "8080:80", *SLEEP)
    engine.do("run", "-d", "--name", "still", "--network", "open", *SLEEP)
    engine.do("run", "-d", "--name", "aa", "--network", "open", *SLEEP)
    with ExitStack() as servers:
        for name in ("db", "web", "aa"):
            servers.enter_context(serve(Inside(engine, name), name, 80))
        yield engine


def cut_off(engine: Engine) -> list[str]:
    """Who does not reach whom he reached before."""
    ends = {name: engine.inspect(name)["NetworkSettings"]["Networks"] for name in ("db", "aa")}
    ways = [
        ("web", Inside(engine, "web"), [Target(ends["db"]["bridge"][key], 80) for key in _KEYS]),
        ("still", Inside(engine, "still"), [Target(ends["aa"]["open"][key], 80) for key in _KEYS]),
        ("far", engine.host.far, [Target(host.ADDRESS, 8080)]),
    ]
    found = [(name, zip(targets, ask(place, targets), strict=True)) for name, place, targets in ways]
    return [f"{name} -> {target}" for name, asked in found for target, answer in asked if answer is None]


_KEYS = ("IPAddress", "GlobalIPv6Address")


def devices(engine: Engine) -> list[str]:
    return [str(link["ifname"]) for link in json.loads(engine.host.here.ip("-json", "link", "show"))]


def clear(engine: Engine) -> None:
    """As before the course, by the client alone."""
    engine.cli("rm", "-f", "guest")
    for name in ("n1", "n2", "n3"):
        engine.cli("network", "disconnect", "-f", name, "still")
        if engine.cli("network", "inspect", name).code == 0:
            engine.do("network", "rm", name)


def test_networks_are_whole_after_a_kill(town: Engine) -> None:
    source = random.Random(SEED)
    client = town.client("fairlead")
    script = "\n".join(f"{' '.join(client.argv)} {words}" for words in _COURSE)
    begun = time.monotonic()
    for words in _COURSE:
        town.do(*words.split())
    whole_s = time.monotonic() - begun
    before = leftovers.snapshot(town)
    for number in range(KILLS):
        argv = ["sh", "-c", script]
        with subprocess.Popen(argv, env=client.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            moment_s = source.uniform(0.02, whole_s)
            time.sleep(moment_s)  # the moment is what is tried: no event stands for it
            town.kill()
        when = f"round {number}, killed after {moment_s:.3f} of {whole_s:.3f} s"
        town.start()
        known = {network["Name"] for network in town.json("GET", "/networks")}
        bridges = {"br9"} if "n3" in known else set()
        assert ("br9" in devices(town)) == bool(bridges), when
        assert cut_off(town) == [], when
        for name in sorted(known & {"n1", "n2", "n3"}):  # what is listed works
            town.do("run", "--rm", "--network", name, "box", "true")
        clear(town)
        left: list[str] = []

        def nothing_left(left: list[str] = left) -> bool:
            left[:] = leftovers.difference(before, leftovers.snapshot(town))
            return not [line for line in left if "network namespaces" not in line]

        with contextlib.suppress(AssertionError):
            until(nothing_left, timeout_s=5)
        assert nothing_left(), f"{when}: {left}\n{town.tail()}"


def test_a_host_that_lost_its_power_is_as_it_was(town: Engine) -> None:
    """Nothing is left but the disk: no process, no device, no rule, no mount, and /run is empty."""
    town.do("network", "connect", "open", "web")
    town.do("network", "create", "-o", f"{BRIDGE}.name=br9", "--ipv6", "named")
    town.do("run", "-d", "--name", "once", "--network", "named", *SLEEP)
    for name in ("db", "web", "still", "aa"):
        town.do("update", "--restart", "always" if name != "aa" else "unless-stopped", name)
    ends = {name: town.inspect(name)["NetworkSettings"]["Networks"] for name in ("db", "web", "still", "aa")}
    rules = sorted(leftovers.rules(town.host.here.run("nft", "--stateless", "list", "ruleset")))
    town.kill()
    for pid in town.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: town.processes() == [])
    for directory in sorted(town.cgroups(), reverse=True):
        directory.rmdir()
    town.host.close()
    shutil.rmtree(town.exec_root)
    town.host = Host()
    for place, address in ((town.host.here, "2001:db8:f::1"), (town.host.far, "2001:db8:f::2")):
        place.ip("address", "add", f"{address}/64", "dev", "uplink", "nodad")

    town.start()
    until(lambda: all(town.inspect(name)["State"]["Running"] for name in ends), what="the policies start them")
    assert town.inspect("once")["State"]["Status"] == "exited"
    town.do("start", "once")
    for name, was in ends.items():
        now = town.inspect(name)["NetworkSettings"]["Networks"]
        for network, end in was.items():
            assert [now[network][key] for key in _KEYS] == [end[key] for key in _KEYS]
    with ExitStack() as servers:
        for name in ("db", "web", "aa"):
            servers.enter_context(serve(Inside(town, name), name, 80))
        assert cut_off(town) == []
        assert ask(town.host.far, [Target(ends["db"]["bridge"]["IPAddress"], 80)], timeout_s=0.3) == [None]
    now = sorted(leftovers.rules(town.host.here.run("nft", "--stateless", "list", "ruleset")))
    assert len(now) == len(rules), leftovers.difference({"nft": rules}, {"nft": now})
