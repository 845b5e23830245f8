"""Who reaches whom: every place asks every port, over TCP and UDP, IPv4 and IPv6, and is answered or not as promised.

The tables of docs/networking.md are what this run saw; `make reachability` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from testbed import host
from testbed.engine import Engine
from testbed.inside import Inside, serve
from testbed.namespace import Namespace
from testbed.probe import Asking, Target

pytestmark = pytest.mark.root

PAGE = Path(__file__).parents[3] / "docs" / "networking.md"
BEGIN, END = "<!-- tables: written by `make reachability` -->", "<!-- end of tables -->"
HOST = {4: host.ADDRESS, 6: "2001:db8:f::1"}
SECOND = {4: host.SECOND_ADDRESS, 6: "2001:db8:f::3"}
FAR6 = "2001:db8:f::2"
SLEEP = ("box", "sleep", "1000")
KINDS = list(product((4, 6), (False, True)))
"""IPv4 and IPv6, TCP and UDP."""

ROWS = {
    "host": "the host",
    "hosted": "a container in host mode",
    "far": "another machine, with routes to the containers and to 127/8",
    "web": "a container linked to it",
    "near": "a container of a private network, without a link",
    "mate": "a container of its open network",
    "rogue": "a neighbour that sends 127/8 to its gateway",
    "apart": "a container of another network",
    "itself": "the container itself",
}
COLUMNS = {
    "closed": "its address, a port neither published nor exposed",
    "exposed": "its address, an exposed port",
    "published": "its address, a port that is published",
    "any": "host's address, published on all",
    "loop": "127.0.0.1, published on 127.0.0.1",
    "loop at host": "host's address, published on 127.0.0.1",
    "one": "the one address it is published on",
    "other": "another address of the host's",
}
HOST_PORTS = {"any", "one"}
"""What is published for everybody, whoever it is that asks."""
TABLES = {
    "shop": ("A container of a private network", ["host", "hosted", "far", "web", "near", "rogue", "apart", "itself"]),
    "stall": ("A container of an open network", ["host", "hosted", "far", "mate", "rogue", "apart", "near", "itself"]),
    "loose": ("The same, gateway mode nat-unprotected", ["host", "far", "apart", "near", "itself"]),
    "routed": ("The same, gateway mode routed", ["host", "far", "apart", "near", "itself"]),
    "carried": (
        "A container of a private network whose ports the daemon forwards (publish mode forward)",
        ["host", "hosted", "far", "near", "rogue", "apart", "itself"],
    ),
    "borne": (
        "A container of an open network whose ports the daemon forwards",
        ["host", "far", "mate", "apart", "near", "itself"],
    ),
}
PORT = {"shop": 8080, "stall": 9080, "loose": 9180, "routed": 9280, "carried": 9380, "borne": 9480}
FORWARD = ("--label", "fairlead.publish-mode=forward")
MODES = {"loose": "nat-unprotected", "routed": "routed"}


def promised(name: str, row: str, column: str) -> bool:
    """What the page says in words about the way from a row to a container."""
    if name == "routed" and column not in ("closed", "exposed"):
        return column == "published"
    if (name, row) == ("loose", "far") and column in ("closed", "exposed", "published"):
        return True
    if column in HOST_PORTS:
        return True
    if column == "loop":
        return row in ("host", "hosted")
    if column in ("loop at host", "other"):
        return False
    if row == "web":
        return column in ("exposed", "published")
    return row in ("host", "hosted", "mate", "itself") or (row == "rogue" and name == "stall")


@dataclass(frozen=True)
class Town:
    engine: Engine
    addresses: Mapping[str, Mapping[int, str]]

    def place(self, row: str, name: str) -> Namespace:
        own = {"host": self.engine.host.here, "far": self.engine.host.far}
        rogue = {"carried": "rogue-shop"}.get(name, f"rogue-{name}")
        return own.get(row) or Inside(self.engine, {"itself": name, "rogue": rogue}.get(row, row))

    def target(self, name: str, column: str, version: int, *, udp: bool) -> Target:
        own, port, loop = self.addresses[name][version], PORT[name], {4: "127.0.0.1", 6: "::1"}[version]
        address, number = {
            "closed": (own, 82), "exposed": (own, 81), "published": (own, 80), "any": (HOST[version], port),
            "loop": (loop, port + 1), "loop at host": (HOST[version], port + 1), "one": (SECOND[version], port + 2),
            "other": (HOST[version], port + 2),
        }[column]  # fmt: skip
        return Target(address, number, udp)

    def ask(self, name: str, row: str) -> Asking:
        targets = [self.target(name, column, v, udp=udp) for column in COLUMNS for v, udp in KINDS]
        return Asking(self.place(row, name), targets, timeout_s=2)


def bindings(port: int) -> list[str]:
    """Port 80 on every address, on 127.0.0.1, and on the host's second address, of both families."""
    where = [f"{port}:80", f"127.0.0.1:{port + 1}:80", f"[::1]:{port + 1}:80"]
    where += [f"{SECOND[4]}:{port + 2}:80", f"[{SECOND[6]}]:{port + 2}:80"]
    words = [word for binding in where for kind in ("tcp", "udp") for word in ("-p", f"{binding}/{kind}")]
    return [*words, "--expose", "81/tcp", "--expose", "81/udp"]


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Iterator[Town]:
    engine = new_module_engine("--ipv6")
    here, far = engine.host.here, engine.host.far
    for address in (HOST[6], SECOND[6]):
        here.ip("address", "add", f"{address}/64", "dev", "uplink", "nodad")
    far.ip("address", "add", f"{FAR6}/64", "dev", "uplink", "nodad")
    far.ip("-6", "route", "add", "default", "via", HOST[6])
    for name in ("open", "apart"):
        engine.do("network", "create", "--ipv6", name)
    engine.do("run", "-d", "--name", "shop", *bindings(PORT["shop"]), *SLEEP)
    engine.do("run", "-d", "--name", "stall", "--network", "open", *bindings(PORT["stall"]), *SLEEP)
    engine.do("run", "-d", "--name", "carried", *FORWARD, *bindings(PORT["carried"]), *SLEEP)
    engine.do("run", "-d", "--name", "borne", "--network", "open", *FORWARD, *bindings(PORT["borne"]), *SLEEP)
    for name, mode in MODES.items():
        modes = [word for v in (4, 6) for word in ("-o", f"com.docker.network.bridge.gateway_mode_ipv{v}={mode}")]
        engine.do("network", "create", "--ipv6", *modes, name)
        engine.do("run", "-d", "--name", name, "--network", name, *bindings(PORT[name]), *SLEEP)
    engine.do("run", "-d", "--name", "web", "--link", "shop", *SLEEP)
    for name, network in (("near", "bridge"), ("mate", "open"), ("apart", "apart"), ("hosted", "host")):
        engine.do("run", "-d", "--name", name, "--network", network, *SLEEP)
    for name, network in (("rogue-shop", "bridge"), ("rogue-stall", "open")):
        engine.do("run", "-d", "--name", name, "--network", network, *SLEEP)
        send_loopback_to_the_gateway(Inside(engine, name))
    with ExitStack() as servers:
        for name in TABLES:
            servers.enter_context(serve(Inside(engine, name), name, 80, 81, 82))
        yield Town(engine, {name: addresses(engine, name) for name in TABLES})


def send_loopback_to_the_gateway(place: Namespace) -> None:
    """Its own 127/8 and ::1 given up: what it sends there goes on the wire."""
    for device in ("all", "eth0"):
        place.run("sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{device}/route_localnet")
    place.ip("address", "flush", "dev", "lo")
    gateway = {v: place.ip(f"-{v}", "route", "show", "default").split()[2] for v in (4, 6)}
    address = json.loads(place.ip("-json", "-4", "address", "show", "eth0"))[0]["addr_info"][0]["local"]
    place.ip("route", "replace", "127.0.0.1", "via", gateway[4], "src", address)
    place.ip("-6", "route", "replace", "::1", "via", gateway[6], "dev", "eth0")


def addresses(engine: Engine, name: str) -> dict[int, str]:
    end = next(iter(engine.inspect(name)["NetworkSettings"]["Networks"].values()))
    return {4: end["IPAddress"], 6: end["GlobalIPv6Address"]}


Seen = dict[str, dict[str, dict[str, list[bool]]]]


@pytest.fixture(scope="module")
def seen(town: Town) -> Seen:
    """Container → from whom → to what → whether it answered, for each of KINDS. All ask at once."""
    with town.engine.host.loopback_over_the_wire():
        asked = [(name, row, town.ask(name, row)) for name, (_, rows) in TABLES.items() for row in rows]
        out: Seen = {name: {} for name in TABLES}
        for name, row, asking in asked:
            heard = iter([(answer or "").split(" ")[0] == name for answer in asking.answers()])
            out[name][row] = {column: [next(heard) for _ in KINDS] for column in COLUMNS}
    return out


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, (_, rows) in TABLES.items() for row in rows])
def test_everybody_reaches_what_is_promised_and_nothing_else(seen: Seen, name: str, row: str) -> None:
    want = {column: [promised(name, row, column)] * len(KINDS) for column in COLUMNS}
    assert seen[name][row] == want


def test_the_page_says_what_was_seen(seen: Seen, request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    now = f"{before}{BEGIN}\n{''.join(table(name, seen) for name in TABLES)}\n{END}{after}"
    if request.config.getoption("--write-tables"):
        PAGE.write_text(now)
    assert PAGE.read_text() == now, "run `make reachability`"


def table(name: str, seen: Seen) -> str:
    title, rows = TABLES[name]
    head = ["from \\ to", *COLUMNS.values()]
    lines = [head, ["---"] * len(head)]
    lines += [[ROWS[row], *(cell(seen[name][row][column]) for column in COLUMNS)] for row in rows]
    return f"\n**{title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(answers: list[bool]) -> str:
    """Of TCP and UDP over both families."""
    if len(set(answers)) == 1:
        return "yes" if answers[0] else "–"
    got = [f"{'UDP' if udp else 'TCP'}/IPv{version}" for (version, udp), yes in zip(KINDS, answers, strict=True) if yes]
    return "only " + ", ".join(got)
