"""What is there makes nothing dearer: an engine with a thousand networks, three hundred containers or a thousand ports
beside an empty one, in turns, so that the machine's moods hit both alike. Figures are printed (`-s`)."""

from __future__ import annotations

import contextlib
import select
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.engine import Engine
from testbed.host import ADDRESS

pytestmark = [pytest.mark.root, pytest.mark.soak]

NETWORKS, CONTAINERS, PORTS = 1000, 300, 1000
TURNS = 31


def timed_ms(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


def tell(what: str, few: list[float], many: list[float]) -> float:
    """The ratio of the medians, printed with them."""
    ratio = statistics.median(many) / statistics.median(few)
    print(f"{what}: {statistics.median(few):.2f} ms -> {statistics.median(many):.2f} ms, x {ratio:.3f}")
    return ratio


def create(engine: Engine, name: str, *, network: str = "bridge", ports: dict[int, int] | None = None) -> None:
    """`ports`: container port → host port."""
    bindings = {f"{inside}/tcp": [{"HostPort": str(outside)}] for inside, outside in (ports or {}).items()}
    body: dict[str, Any] = {
        "Image": "box", "Cmd": ["sleep", "3600"], "ExposedPorts": {port: {} for port in bindings},
        "HostConfig": {"NetworkMode": network, "PortBindings": bindings, "Init": True},
    }  # fmt: skip
    engine.json("POST", f"/containers/create?name={name}", body)


def start(engine: Engine, name: str) -> float:
    return timed_ms(lambda: engine.json("POST", f"/containers/{name}/start"))


def new_network(engine: Engine, name: str) -> float:
    return timed_ms(lambda: engine.json("POST", "/networks/create", {"Name": name}))


def start_and_stop(engine: Engine, name: str) -> float:
    took = start(engine, name)
    engine.json("POST", f"/containers/{name}/stop?t=0")
    return took


def passed_rules(engine: Engine, port: int) -> list[str]:
    """The rules that the first packet of a new connection to a published port meets, as the kernel traces them."""
    here = engine.host.here
    mark = f"tcp dport {port} tcp flags & (syn | ack) == syn meta nftrace set 1"
    chain = f"type filter hook prerouting priority -400\n{mark}"
    here.run("nft", "-f", "-", stdin=f"table inet tracer {{\nchain c {{\n{chain}\n}}\n}}\n")
    lines: list[str] = []
    monitor = [*here.entry, "stdbuf", "-oL", "nft", "monitor", "trace"]
    with subprocess.Popen(monitor, stdout=subprocess.PIPE, bufsize=0) as watch:
        assert watch.stdout is not None
        try:
            time.sleep(0.5)  # the monitor says nothing when it is ready
            assert engine.host.far.connects(ADDRESS, port)
            while not lines or (lines[-1] and (" postrouting " not in lines[-1] or " policy " not in lines[-1])):
                assert select.select([watch.stdout], [], [], 10)[0], lines
                lines.append(watch.stdout.readline().decode())
        finally:
            watch.kill()
            here.run("nft", "delete", "table", "inet", "tracer")
    table = f"fairlead_{engine.instance}"
    return [line.split(" rule ")[1].replace(table, "") for line in lines if table in line and " rule " in line]


def objects(engine: Engine) -> int:
    """How many tables, chains, sets and rules there are: everything but the elements of sets."""
    return engine.host.here.run("nft", "-a", "list", "ruleset").count("# handle ")


@pytest.fixture(scope="module")
def pair(new_module_engine: Callable[..., Engine]) -> Iterator[tuple[Engine, Engine]]:
    """An engine with little, and one that is to have much."""
    pools = [f"--default-address-pool=base=10.{number}.0.0/16,size=24" for number in range(211, 216)]
    few, many = new_module_engine(*pools), new_module_engine(*pools)
    yield few, many
    for engine in (few, many):
        with contextlib.suppress(subprocess.SubprocessError):
            engine.clear()


def test_the_thousandth_port_costs_what_the_first_did(pair: tuple[Engine, Engine]) -> None:
    few, _ = pair
    create(few, "one", ports={80: 8080})
    create(few, "range", ports={number: number for number in range(20000, 20000 + PORTS)})
    create(few, "scattered", ports={number - 10000: number for number in range(22000, 22000 + PORTS)})
    took: dict[str, list[float]] = {"one": [], "range": [], "scattered": []}
    for _ in range(TURNS):
        for name, values in took.items():
            values.append(start_and_stop(few, name))
    ratios = [tell(f"start with {PORTS} ports, {name}", took["one"], took[name]) for name in ("range", "scattered")]
    assert max(ratios) <= 1.2


def test_one_more_published_port_costs_the_same_beside_a_thousand(pair: tuple[Engine, Engine]) -> None:
    few, many = pair
    for index in range(10):
        create(many, f"holder{index}", ports={5000 + at: 30000 + index * 100 + at for at in range(PORTS // 10)})
        start(many, f"holder{index}")
    for engine in pair:
        create(engine, "probe", ports={80: 8081})
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for engine, values in zip((few, many), took, strict=True):
            values.append(start_and_stop(engine, "probe"))
    assert tell(f"start with a port beside {PORTS} ports of others", *took) <= 1.15
    for engine in pair:
        engine.clear()


def test_networks_containers_and_new_flows_cost_the_same_among_many(pair: tuple[Engine, Engine]) -> None:
    few, many = pair
    for engine in pair:
        create(engine, "web", ports={8000: 8000})
        start(engine, "web")
        engine.do("exec", "-d", "web", "httpd", "-p", "8000")
    before = passed_rules(many, 8000)
    assert len(before) > 3
    row = [new_network(many, f"n{number}") for number in range(NETWORKS)]
    tell(f"network create, the first forty and the last of {NETWORKS}, one after the other", row[:40], row[-40:])
    made: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS):
        for engine, values in zip((few, many), made, strict=True):
            values.append(new_network(engine, f"probe{turn}"))
            engine.json("DELETE", f"/networks/probe{turn}")
    assert tell(f"network create beside {NETWORKS} networks", *made) <= 1.15
    for number in range(CONTAINERS):
        create(many, f"c{number}", network=f"n{number * NETWORKS // CONTAINERS}")
        start(many, f"c{number}")
    for engine in pair:
        new_network(engine, "last")
        create(engine, "probe", network="last")
    begun: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for engine, values in zip((few, many), begun, strict=True):
            values.append(start_and_stop(engine, "probe"))
    assert tell(f"start beside {CONTAINERS} containers on {NETWORKS} networks", *begun) <= 1.15
    assert passed_rules(many, 8000) == before == passed_rules(few, 8000)
    assert objects(many) == objects(few)
    looked_up = sum("@" in rule for rule in before)
    print(f"a new flow through a published port meets {len(before)} rules, {looked_up} look-ups among them")
