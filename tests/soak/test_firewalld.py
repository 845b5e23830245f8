"""A real firewalld on the host, whatever its zones say: what containers may reach they reach, nobody else gets in, and
that stays so when it is reloaded, stopped, and started anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testbed import host
from testbed.engine import Engine, until
from testbed.firewalld import Firewalld
from testbed.host import Host
from testbed.images import build_images
from testbed.inside import Inside, Line, serve
from testbed.namespace import Namespace
from testbed.probe import Target, ask

pytestmark = [pytest.mark.root, pytest.mark.soak]

FAR4, FAR, HOST = host.FAR_ADDRESS, "2001:db8:f::2", "2001:db8:f::1"
SLEEP = ("box", "sleep", "1000")
BRIDGE = "com.docker.network.bridge"
TALKS = 90
BACK_S = 20
"""It is written in Python, takes seconds to start, and the machine may be busy."""


class Town:
    """Private `bridge`: `web` linked to `db`, `near` not; `open`: `aa`, `bb`; `named`: `cc`; `routed`: `dd`."""

    def __init__(self, engine: Engine, firewalld: Firewalld, stack: ExitStack) -> None:
        self.firewalld = firewalld
        self.engine, self.here, self.far = engine, engine.host.here, engine.host.far
        for place, address, way in ((self.here, HOST, ""), (self.far, FAR, HOST)):
            place.ip("address", "add", f"{address}/64", "dev", "uplink", "nodad")
            if way:
                place.ip("-6", "route", "add", "default", "via", way)
        engine.do("network", "create", "--ipv6", "open")
        engine.do("network", "create", "--ipv6", "-o", f"{BRIDGE}.name=town0", "named")
        engine.do("network", "create", "-o", f"{BRIDGE}.gateway_mode_ipv4=routed", "routed")
        engine.do("run", "-d", "--name", "db", "--expose", "80", "--expose", f"{TALKS}-{TALKS + 1}", *SLEEP)
        engine.do("run", "-d", "--name", "web", "--link", "db", "-p", "8080:80", *SLEEP)
        engine.do("run", "-d", "--name", "near", *SLEEP)
        engine.do("run", "-d", "--name", "aa", "--network", "open", "-p", "8081:80", *SLEEP)
        engine.do("run", "-d", "--name", "bb", "--network", "open", *SLEEP)
        engine.do("run", "-d", "--name", "cc", "--network", "named", *SLEEP)
        engine.do("run", "-d", "--name", "dd", "--network", "routed", "-p", "80", *SLEEP)
        for name in ("db", "web", "aa", "dd"):
            stack.enter_context(serve(Inside(engine, name), name, 80))
        stack.enter_context(serve(self.far, "far", 80))
        stack.enter_context(serve(self.here, "host", 8000))

    def addresses(self, name: str) -> list[str]:
        ends = self.engine.inspect(name)["NetworkSettings"]["Networks"].values()
        return [end[key] for end in ends for key in ("IPAddress", "GlobalIPv6Address") if end[key]]

    def lines(self, stack: ExitStack) -> list[tuple[Line, Line]]:
        """Conversations: over the link, and out into the world."""
        web, db = Inside(self.engine, "web"), self.addresses("db")
        ways: list[tuple[Namespace, Inside, str]] = [(Inside(self.engine, "db"), web, to) for to in db]
        ways += [(self.far, web, to) for to in (FAR4, FAR)]
        out = []
        for number, (server, caller, to) in enumerate(ways):
            answerer = stack.enter_context(Line(server, "listen", TALKS + number))
            out.append((answerer, stack.enter_context(Line(caller, to, TALKS + number))))
        return out

    def carry_on(self, lines: list[tuple[Line, Line]]) -> None:
        for one, other in lines:
            for speaker, listener in ((one, other), (other, one)):
                speaker.say("still here")
                assert listener.hear() == "still here"

    def cut_off(self, *, but: str = "") -> list[str]:
        """Who does not reach what he may."""
        world = [Target(to, 80, udp) for to in (FAR4, FAR) for udp in (False, True)]
        ports = [Target(to, port) for to in (host.ADDRESS, HOST) for port in (8080, 8081)]
        ways = {
            "web": [*world, *(Target(to, 80) for to in self.addresses("db")), Target("172.17.0.1", 8000)],
            "near": world,
            "bb": [*world, *(Target(to, 80) for to in self.addresses("aa"))],
            "cc": [*world, *ports],
            "dd": world[:1],
        }
        asked: list[tuple[str, Namespace, list[Target]]] = [
            (name, Inside(self.engine, name), targets) for name, targets in ways.items() if name != but
        ]
        asked += [("far", self.far, [*ports, *(Target(to, 80) for to in self.addresses("dd"))])]
        asked += [("host", self.here, [Target(to, 80) for name in ("db", "aa") for to in self.addresses(name)])]
        return [
            f"{name} -> {target}"
            for name, place, targets in asked
            for target, answer in zip(targets, ask(place, targets, timeout_s=1.0), strict=True)
            if answer is None
        ]

    def everybody_is_reached(self, when: str) -> None:
        left: list[str] = []

        def reached() -> bool:
            left[:] = self.cut_off()
            return not left

        try:
            until(reached, timeout_s=BACK_S)
        except AssertionError:
            pytest.fail(f"{when}: {left}\n{self.engine.tail()}")

    def nobody_else_gets_in(self) -> None:
        forbidden = [Target(to, 80) for name in ("db", "aa") for to in self.addresses(name)]
        for place in (Inside(self.engine, "near"), Inside(self.engine, "cc"), self.far):
            assert not any(ask(place, forbidden, timeout_s=0.3))


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    place = Host()
    with ExitStack() as stack:
        engine = stack.enter_context(Engine(place, "--ipv6"))
        firewalld = Firewalld(place.here)
        stack.callback(firewalld.close)
        engine.start()
        build_images(engine)
        yield Town(engine, firewalld, stack)


@pytest.fixture(scope="module")
def firewalld(town: Town) -> Firewalld:
    """Started while containers run, as on a host where somebody has just installed it."""
    town.everybody_is_reached("without firewalld")
    return town.firewalld.start()


def test_it_is_started_beside_running_containers(town: Town, firewalld: Firewalld) -> None:
    firewalld.command("--permanent", "--zone=public", "--add-interface=uplink")
    town.everybody_is_reached("after its first start")
    town.nobody_else_gets_in()
    assert "town0" in firewalld.command("--zone=fairlead", "--list-interfaces").split()


@pytest.mark.parametrize("zone", ["public", "drop", "block"])
def test_whatever_the_hosts_zones_say(town: Town, firewalld: Firewalld, zone: str) -> None:
    firewalld.command(f"--set-default-zone={zone}")
    firewalld.command("--permanent", f"--zone={zone}", "--change-interface=uplink")
    firewalld.command("--reload")
    town.everybody_is_reached(f"in the zone {zone}")
    town.nobody_else_gets_in()


@pytest.mark.parametrize("how", ["--reload", "--complete-reload"])
def test_it_is_reloaded(town: Town, firewalld: Firewalld, how: str) -> None:
    """Its own files name our devices: there is nothing to wait for. Who talks goes on, if it forgets no connections."""
    with ExitStack() as stack:
        lines = town.lines(stack)
        firewalld.command(how)
        assert town.cut_off(but="cc") == []
        town.everybody_is_reached(how)
        town.nobody_else_gets_in()
        if how == "--reload":
            town.carry_on(lines)


def test_it_is_stopped_and_started(town: Town, firewalld: Firewalld) -> None:
    with ExitStack() as stack:
        lines = town.lines(stack)
        firewalld.stop()
        town.everybody_is_reached("stopped")
        town.nobody_else_gets_in()
        firewalld.start()
        assert town.cut_off(but="cc") == []
        town.everybody_is_reached("started anew")
        town.nobody_else_gets_in()
        town.carry_on(lines)


def test_the_daemon_is_killed_and_started_beside_it(town: Town, firewalld: Firewalld) -> None:
    town.engine.kill()
    firewalld.command("--reload")
    town.engine.start()
    assert town.cut_off() == []
    town.nobody_else_gets_in()


def test_a_network_with_a_name_of_the_users_choice_is_open_once_it_is_made(town: Town, firewalld: Firewalld) -> None:
    town.engine.do("network", "create", "-o", f"{BRIDGE}.name=town1", "later")
    town.engine.do("run", "-d", "--name", "ee", "--network", "later", *SLEEP)
    world = Target(FAR4, 80)
    assert ask(Inside(town.engine, "ee"), [world]) == [f"far {host.ADDRESS}"]
    town.engine.do("rm", "-f", "ee")
    town.engine.do("network", "rm", "later")
    until(lambda: "town1" not in firewalld.command("--zone=fairlead", "--list-interfaces").split(), timeout_s=BACK_S)


def test_whom_a_policy_of_the_administrator_shuts_out_stays_out(town: Town, firewalld: Firewalld) -> None:
    """Ours comes after all others. (What is translated to a published port firewalld lets in by itself.)"""
    routed = [Target(to, 80) for to in town.addresses("dd")]
    assert None not in ask(town.far, routed)
    shut = ("--permanent", "--policy=shut")
    firewalld.command("--permanent", "--new-policy=shut")
    for rule in ("ingress-zone=ANY", "egress-zone=fairlead", f"rich-rule=rule family=ipv4 source address={FAR4} drop"):
        firewalld.command(*shut, f"--add-{rule}")
    firewalld.command("--reload")
    assert ask(town.far, routed, timeout_s=0.5) == [None]
    firewalld.command("--permanent", "--delete-policy=shut")
    firewalld.command("--reload")
    assert None not in ask(town.far, routed)


def test_a_bridge_that_an_administrator_put_elsewhere_stays_there(town: Town, firewalld: Firewalld) -> None:
    firewalld.command("--zone=dmz", "--change-interface=town0")
    town.engine.kill()
    town.engine.start()
    until(lambda: "town0 is in the zone dmz" in town.engine.tail(), what="the daemon says so")
    assert firewalld.command("--get-zone-of-interface=town0") == "dmz"
    firewalld.command("--zone=fairlead", "--change-interface=town0")


def test_a_daemon_that_takes_its_containers_along_takes_its_devices_out(town: Town, firewalld: Firewalld) -> None:
    town.engine.stop()
    town.engine.flags.append("--stop-containers-on-exit")
    town.engine.start()
    assert town.engine.stop() == 0
    for when in ((), ("--permanent",)):
        assert firewalld.command(*when, "--zone=fairlead", "--list-interfaces") == ""
