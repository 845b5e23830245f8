"""Somebody takes away what the daemon made in the kernel: it is back within a second, and nobody is cut off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from testbed import host, leftovers
from testbed.engine import Engine, until
from testbed.inside import Inside, Line, serve
from testbed.namespace import Namespace
from testbed.probe import Target, ask
from testbed.transfer import Transfer

pytestmark = pytest.mark.root

FAR, HOST = "2001:db8:f::2", "2001:db8:f::1"
SLEEP = ("box", "sleep", "1000")
THEIRS = "table inet theirs { chain c { type filter hook input priority 0; policy accept; }; }"
TALKS = 90
"""A port for one long conversation each."""
MOVES = 91

Way = tuple[str, Namespace, str, int]
"""A server, and who calls it by which address and port."""


def published(number: int) -> list[str]:
    """Port 80 at 8080, 8081 …, and those of conversations and transfers at a thousand more each."""
    pairs = ((8000, 80), (9000, TALKS), (9100, MOVES))
    return [word for base, port in pairs for word in ("-p", f"{base + number}:{port}")]


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """Private `bridge`: `web` linked to `db`, `near` not; `open`: `aa` and `bb`; `web` and `aa` publish."""
    engine = new_module_engine("--ipv6")
    engine.host.here.ip("address", "add", f"{HOST}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("address", "add", f"{FAR}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("-6", "route", "add", "default", "via", HOST)
    engine.do("network", "create", "--ipv6", "-o", "com.docker.network.bridge.name=br-open", "open")
    engine.do("run", "-d", "--name", "db", "--expose", "80", "--expose", f"{TALKS}-{MOVES}", *SLEEP)
    engine.do("run", "-d", "--name", "web", "--link", "db", *published(80), *SLEEP)
    engine.do("run", "-d", "--name", "near", *SLEEP)
    engine.do("run", "-d", "--name", "aa", "--network", "open", *published(81), *SLEEP)
    engine.do("run", "-d", "--name", "bb", "--network", "open", *SLEEP)
    with ExitStack() as servers:
        for name in ("db", "web", "aa"):
            servers.enter_context(serve(Inside(engine, name), name, 80))
        yield engine


def addresses(engine: Engine, name: str) -> list[str]:
    ends = engine.inspect(name)["NetworkSettings"]["Networks"].values()
    return [end[key] for end in ends for key in ("IPAddress", "GlobalIPv6Address")]


def everybody_is_reached(engine: Engine, timeout_s: float = 1.0) -> bool:
    """New connections, v4 and v6, over the link, on the open network, from the host and from another machine."""
    db, aa = addresses(engine, "db"), addresses(engine, "aa")
    ways = {
        Inside(engine, "web"): [Target(to, 80) for to in db],
        Inside(engine, "bb"): [Target(to, 80) for to in aa],
        engine.host.here: [Target(to, 80) for to in (*db, *aa)],
        engine.host.far: [Target(to, port) for to in (host.ADDRESS, HOST) for port in (8080, 8081)],
    }
    return all(None not in ask(place, targets, timeout_s=timeout_s) for place, targets in ways.items())


def nobody_else_gets_in(engine: Engine) -> bool:
    forbidden = [Target(to, 80) for to in addresses(engine, "db")]
    places = (Inside(engine, "near"), Inside(engine, "bb"), engine.host.far)
    return not any(any(ask(place, forbidden, timeout_s=0.3)) for place in places)


Lines = list[tuple[Line, Line]]


@pytest.fixture(scope="module")
def lines(town: Engine) -> Iterator[Lines]:
    """Conversations as old as the module: over the link, through published ports, on both networks, v4 and v6."""
    web, bb, far = Inside(town, "web"), Inside(town, "bb"), town.host.far
    ways: list[Way] = [("db", web, to, TALKS) for to in addresses(town, "db")]
    ways += [("aa", bb, to, TALKS) for to in addresses(town, "aa")]
    ways += [("web", far, host.ADDRESS, 9080), ("aa", far, host.ADDRESS, 9081), ("web", far, HOST, 9080)]
    with ExitStack() as stack:
        out = []
        for server, place, to, port in ways:
            answerer = stack.enter_context(Line(Inside(town, server), "listen", TALKS))
            out.append((answerer, stack.enter_context(Line(place, to, port))))
        yield out


def carry_on(lines: Lines, word: str) -> None:
    for one, other in lines:
        for speaker, listener in ((one, other), (other, one)):
            speaker.say(word)
            assert listener.hear() == word


def rules(engine: Engine) -> list[str]:
    return sorted(leftovers.rules(engine.host.here.run("nft", "--stateless", "list", "ruleset")))


def table(engine: Engine) -> str:
    return f"fairlead_{engine.instance}"


def complaints(engine: Engine) -> int:
    return engine.log.read_text().count("somebody changed")


def test_who_talks_goes_on_talking_when_the_ruleset_is_flushed(town: Engine, lines: Lines) -> None:
    before = rules(town)
    carry_on(lines, "before")
    for number in range(3):
        town.host.here.run("nft", "flush", "ruleset")
        carry_on(lines, f"flushed {number}")
        until(lambda: rules(town) == before, timeout_s=1)
        carry_on(lines, f"restored {number}")
    assert everybody_is_reached(town)
    assert nobody_else_gets_in(town)


@pytest.mark.parametrize(
    "words",
    [
        "flush ruleset",
        "delete table inet {table}",
        "delete table bridge {table}",
        "flush chain inet {table} inbound",
        "flush map inet {table} publish",
        'delete element inet {table} inside {{ "br-open" }}',
        "add element inet {table} grants {{ {near} . {db} . tcp . 80 }}",
        "insert rule inet {table} forward accept",
    ],
)
def test_rules_are_put_back(town: Engine, words: str) -> None:
    before = rules(town)
    names = {"table": table(town), "near": town.address("near"), "db": town.address("db")}
    town.host.here.run("nft", words.format(**names))
    until(lambda: rules(town) == before, timeout_s=1)


def test_nobody_elses_table_is_touched(town: Engine) -> None:
    here = town.host.here
    here.run("nft", "-f", "-", stdin=THEIRS)
    listed = here.run("nft", "-a", "list", "table", "inet", "theirs")
    before, said = rules(town), complaints(town)
    here.run("nft", "delete", "table", "inet", table(town))
    until(lambda: rules(town) == before, timeout_s=1)
    assert here.run("nft", "-a", "list", "table", "inet", "theirs") == listed
    here.run("nft", "delete", "table", "inet", "theirs")
    town.do("network", "reload", "open")
    assert complaints(town) == said + 1


def test_a_start_meets_a_table_that_is_gone(town: Engine) -> None:
    """The change that cannot be made, because its table is gone, brings the table back first."""
    try:
        town.host.here.run("nft", "delete", "table", "inet", table(town))
        town.do("run", "-d", "--name", "late", "--link", "db", *SLEEP)
        assert Inside(town, "late").talk(town.address("db"), 80)
    finally:
        town.cli("rm", "-f", "late")


def test_who_deletes_again_and_again_is_not_fought_with_all_our_time(town: Engine) -> None:
    before, said, begun = rules(town), complaints(town), time.monotonic()
    town.host.here.run("sh", "-c", f"for i in $(seq 60); do nft delete table inet {table(town)} 2>&-; done; :")
    assert complaints(town) - said <= 12 + time.monotonic() - begun
    until(lambda: rules(town) == before, timeout_s=2)


def devices(engine: Engine) -> dict[str, str]:
    """The host's ends: container → device."""
    links = json.loads(engine.host.here.ip("-json", "link", "show"))
    by_index = {link["ifindex"]: link["ifname"] for link in links}
    found = {}
    for name in ("db", "web", "near", "aa", "bb"):
        inner = json.loads(Inside(engine, name).ip("-json", "link", "show", "eth0"))
        found[name] = by_index[inner[0]["link_index"]]
    return found


def inside(engine: Engine, name: str) -> list[str]:
    """What a program sees of its network, without the numbers of interfaces."""
    place = Inside(engine, name)
    link = json.loads(place.ip("-json", "address", "show", "eth0"))[0]
    held = [(a["local"], a["prefixlen"]) for a in link["addr_info"] if a["scope"] == "global"]
    routes = [place.ip(family, "route").replace("linkdown ", "") for family in ("-4", "-6")]
    return [link["address"], str(link["mtu"]), str(sorted(held)), *routes]


@pytest.mark.parametrize(
    "words",
    [
        "link delete {aa}",
        "link delete {db}",
        "link delete br-open",
        "link set fairlead0 down",
        "link set {aa} nomaster",
        "link set {web} netns {far}",
        "address flush dev fairlead0",
        *(
            pytest.param(words, marks=pytest.mark.soak)
            for words in (
                "link delete fairlead0",
                "link set br-open down",
                "link set {aa} down",
                "link set {web} down",
                "link set {aa} netns {far}",
                "address flush dev br-open",
                "route delete 10.210.0.0/24",
                "route flush dev {db}",
                "-6 route flush dev {db}",
            )
        ),
    ],
)
def test_devices_are_put_back(town: Engine, lines: Lines, words: str) -> None:
    seen = {name: inside(town, name) for name in ("db", "web", "aa")}
    town.host.here.ip(*words.format(**devices(town), far=town.host.far.pid).split())
    until(lambda: everybody_is_reached(town, 0.3), timeout_s=2)
    carry_on(lines, words)
    assert {name: inside(town, name) for name in ("db", "web", "aa")} == seen


def test_our_own_changes_are_no_damage(town: Engine) -> None:
    said = complaints(town)
    town.do("network", "create", "--ipv6", "brief")
    town.do("run", "-d", "--name", "brief", "--network", "brief", "-p", "80", "--link", "db", *SLEEP)
    town.do("network", "connect", "open", "brief")
    town.do("network", "disconnect", "brief", "brief")
    town.do("restart", "-t", "0", "brief")
    town.do("rm", "-f", "brief")
    town.do("run", "--rm", "box", "true")
    town.do("network", "rm", "brief")
    town.do("network", "reload")
    assert complaints(town) == said


def test_forwarding_that_we_turn_on_is_no_damage(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine()
    engine.host.here.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/all/forwarding")
    engine.do("network", "create", "--ipv6", "six")
    engine.do("run", "--rm", "--network", "six", "box", "true")
    assert complaints(engine) == 0


def test_reload_by_hand_puts_back_what_no_event_tells_of(town: Engine) -> None:
    switch = "/proc/sys/net/ipv4/conf/br-open/route_localnet"
    town.host.here.run("sh", "-c", f"echo 0 > {switch}")
    assert town.do("network", "reload", "open") == "open"
    assert town.host.here.run("cat", switch) == "1\n"
    assert town.cli("network", "reload", "nosuch").err == "Error response from daemon: network nosuch not found\n"


def test_forwarding_is_turned_on_again(town: Engine) -> None:
    town.host.here.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
    until(lambda: everybody_is_reached(town, 0.3), timeout_s=2)
    until(lambda: "somebody changed forwarding of packets: mended" in town.log.read_text())


def test_not_a_byte_of_what_is_under_way_is_lost(town: Engine) -> None:
    """Packets come at every moment: while there are no rules, and while there is no daemon."""
    web, bb, far, before = Inside(town, "web"), Inside(town, "bb"), town.host.far, rules(town)
    ways: list[Way] = [("db", web, to, MOVES) for to in addresses(town, "db")]
    ways += [("aa", bb, to, MOVES) for to in addresses(town, "aa")]
    ways += [("web", far, host.ADDRESS, 9180), ("aa", far, host.ADDRESS, 9181), ("web", far, HOST, 9180)]
    with ExitStack() as stack:
        moves = [
            stack.enter_context(Transfer(Inside(town, name), MOVES, place, to, port)) for name, place, to, port in ways
        ]
        for _ in range(3):
            town.host.here.run("nft", "flush", "ruleset")
            until(lambda: rules(town) == before, timeout_s=1)
        town.kill()
        town.start()
        results = [move.finish() for move in moves]
    assert [sent for sent, _ in results] == [got for _, got in results]
    assert rules(town) == before
    assert everybody_is_reached(town)


def test_what_was_broken_while_there_was_no_daemon_is_whole_once_there_is_one(town: Engine) -> None:
    before, ends = rules(town), devices(town)
    seen = {name: inside(town, name) for name in ("db", "web", "aa")}
    town.kill()
    for words in ("delete br-open", "delete fairlead0", f"delete {ends['db']}", f"delete {ends['bb']}"):
        town.host.here.ip("link", *words.split())
    town.host.here.run("nft", "flush", "ruleset")
    town.start()
    until(lambda: everybody_is_reached(town, 0.3), timeout_s=2)
    assert rules(town) == before
    assert {name: inside(town, name) for name in ("db", "web", "aa")} == seen
