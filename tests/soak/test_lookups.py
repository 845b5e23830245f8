"""Look-ups under load and while everything around them changes: none is lost, none is late. Figures are printed."""

from __future__ import annotations

import concurrent.futures
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from testbed import names
from testbed.engine import Engine
from testbed.names import Asker, NameServer

pytestmark = [pytest.mark.root, pytest.mark.soak]

CHURN_S, RATE = 60, 1000
CROWD = 150


@pytest.fixture(scope="module")
def engine(new_module_engine: Callable[..., Engine]) -> Engine:
    return new_module_engine()


@pytest.fixture
def outside(engine: Engine) -> Iterator[NameServer]:
    with names.outside(engine) as server:
        yield server
    engine.clear()


def run(engine: Engine, name: str, *flags: str) -> Asker:
    engine.do("run", "-d", "--name", name, *flags, "box", "sleep", "3600")
    return Asker(engine, name)


class Steady(threading.Thread):
    """Asks for a name at a steady rate, each question once, and notes how long each answer took."""

    def __init__(self, asker: Asker, name: str, rate: int) -> None:
        super().__init__()
        self._socket = names.open_socket(asker.pid)
        self._socket.connect(names.RESOLVER)
        self._question = names.question(name)[2:]
        self._rate = rate
        self._ending = threading.Event()
        self.sent = 0
        self.took_ms: list[float] = []
        self.wrong: list[bytes] = []

    def run(self) -> None:
        began, asked = time.perf_counter(), [0.0] * (1 << 16)
        last_s = 0.0
        while not self._ending.is_set() or (len(self.took_ms) < self.sent and last_s < 5):
            now = time.perf_counter() - began
            if self._ending.is_set():
                last_s = now - asked[(self.sent - 1) & 0xFFFF]
            elif self.sent <= now * self._rate:
                asked[self.sent & 0xFFFF] = time.perf_counter() - began
                self._socket.send(struct.pack("!H", self.sent & 0xFFFF) + self._question)
                self.sent += 1
            if select.select([self._socket], [], [], 0.0005)[0]:
                data = self._socket.recv(4096)
                self.took_ms.append((time.perf_counter() - began - asked[struct.unpack("!H", data[:2])[0]]) * 1e3)
                if data[3] & 15 or data[6:8] == b"\0\0":
                    self.wrong.append(data)

    def end(self) -> None:
        self._ending.set()
        self.join()
        self._socket.close()


def test_none_is_lost_while_networks_come_and_go(engine: Engine, outside: NameServer) -> None:
    engine.do("network", "create", "shop")
    run(engine, "db", "--network", "shop")
    asker = run(engine, "web", "--network", "shop")
    run(engine, "guest")
    steady = Steady(asker, "db", RATE)
    steady.start()
    deadline, rounds = time.monotonic() + CHURN_S, 0
    while time.monotonic() < deadline:
        network = f"passing{rounds}"
        engine.do("network", "create", network)
        engine.do("network", "connect", network, "guest")
        engine.do("network", "connect", "--alias", f"too{rounds}", network, "web")
        engine.do("network", "disconnect", network, "web")
        engine.do("network", "disconnect", network, "guest")
        engine.do("network", "rm", network)
        rounds += 1
    steady.end()
    took = sorted(steady.took_ms)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{steady.sent} look-ups, {rounds} networks: median {p50:.2f}, p99 {p99:.2f}, slowest {took[-1]:.1f} ms")
    assert (len(took), steady.wrong) == (steady.sent, [])
    assert steady.sent > CHURN_S * RATE * 0.9
    assert rounds > 20


def test_a_silent_server_delays_nobody_else(engine: Engine, outside: NameServer) -> None:
    engine.do("network", "create", "shop")
    run(engine, "db", "--network", "shop")
    askers = [run(engine, f"web{number}", "--network", "shop") for number in range(4)]
    steady = Steady(askers[0], "db", RATE)
    steady.start()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        began = time.monotonic()
        codes = list(pool.map(lambda asker: asker.code("silent.example"), askers[1:] * 20))
        waited_s = time.monotonic() - began
    steady.end()
    took = sorted(steady.took_ms)
    print(f"{len(codes)} look-ups of a silent server: SERVFAIL within {waited_s:.1f} s; p99 of the others meanwhile "
          f"{took[len(took) * 99 // 100]:.2f} ms")  # fmt: skip
    assert set(codes) == {"SERVFAIL"}
    assert waited_s < 12
    assert (len(took), steady.wrong) == (steady.sent, [])


def test_a_crowd_that_asks_at_once_gets_all_its_answers(engine: Engine, outside: NameServer) -> None:
    engine.do("network", "create", "crowd")
    askers = [run(engine, f"c{number}", "--network", "crowd") for number in range(CROWD)]
    there = {number: engine.address(f"c{number}", "crowd") for number in range(CROWD)}
    sockets = [names.open_socket(asker.pid) for asker in askers]
    wanted: dict[tuple[int, int], str] = {}
    began = time.perf_counter()
    for number, sock in enumerate(sockets):
        sock.connect(names.RESOLVER)
        for at, other in enumerate((number + 1, number + 7, number + 50)):
            peer = other % CROWD
            wanted[number, at] = there[peer]
            sock.send(struct.pack("!H", at) + names.question(f"c{peer}")[2:])
        wanted[number, 3] = "203.0.113.7"
        sock.send(struct.pack("!H", 3) + names.question("www.example")[2:])
    got: dict[tuple[int, int], str] = {}
    while len(got) < len(wanted):
        ready = select.select(sockets, [], [], 5)[0]
        assert ready, f"{len(wanted) - len(got)} of {len(wanted)} are not answered"
        for sock in ready:
            data = sock.recv(4096)
            got[sockets.index(sock), struct.unpack("!H", data[:2])[0]] = socket.inet_ntoa(data[-4:])
    print(f"{CROWD} containers, {len(wanted)} look-ups at once: all answered in {time.perf_counter() - began:.2f} s")
    for sock in sockets:
        sock.close()
    assert got == wanted
