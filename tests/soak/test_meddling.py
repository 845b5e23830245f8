"""Somebody keeps flushing the firewall and deleting bridges, and the daemon is killed again and again: what is under
way arrives to the byte, no command fails for it, and in the end everything is as it is meant to be."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from testbed import host, leftovers
from testbed.engine import Engine, until
from testbed.inside import Inside
from testbed.names import Asker
from testbed.namespace import Namespace
from testbed.transfer import Transfer

pytestmark = [pytest.mark.root, pytest.mark.soak]

FAR, HOST = "2001:db8:f::2", "2001:db8:f::1"
SLEEP = ("box", "sleep", "1000")
PORT = 91
TRANSFER_S = 60
KILLS = 6
ROUNDS = 25

# Every third of a second something else, of both kinds of networks.
_MEDDLER = """
while :; do
    nft flush ruleset; sleep 0.3
    ip link delete br-open; sleep 0.3
    ip address flush dev fairlead0; sleep 0.3
    ip link delete fairlead0; sleep 0.3
done
"""


@pytest.fixture
def town(new_engine: Callable[..., Engine]) -> Engine:
    """Private `bridge`: `web` linked to `db`; `open`: `aa` and `bb`."""
    engine = new_engine("--ipv6")
    for place, address in ((engine.host.here, HOST), (engine.host.far, FAR)):
        place.ip("address", "add", f"{address}/64", "dev", "uplink", "nodad")
    engine.do("network", "create", "--ipv6", "-o", "com.docker.network.bridge.name=br-open", "open")
    engine.do("run", "-d", "--name", "db", "--expose", str(PORT), *SLEEP)
    engine.do("run", "-d", "--name", "web", "--link", "db", "-p", f"8080:{PORT}", *SLEEP)
    engine.do("run", "-d", "--name", "aa", "--network", "open", "-p", f"8081:{PORT}", *SLEEP)
    engine.do("run", "-d", "--name", "bb", "--network", "open", *SLEEP)
    return engine


def rules(engine: Engine) -> list[str]:
    return sorted(leftovers.rules(engine.host.here.run("nft", "--stateless", "list", "ruleset")))


def transfers(engine: Engine, stack: ExitStack) -> list[Transfer]:
    """Over the link and on the open network, v4 and v6, and through a published port of each."""
    web, bb, far = Inside(engine, "web"), Inside(engine, "bb"), engine.host.far
    ways: list[tuple[str, Namespace, str, int]] = []
    for name, caller in (("db", web), ("aa", bb)):
        end = next(iter(engine.inspect(name)["NetworkSettings"]["Networks"].values()))
        ways += [(name, caller, end[key], PORT) for key in ("IPAddress", "GlobalIPv6Address")]
    ways += [(name, far, to, port) for name, port in (("web", 8080), ("aa", 8081)) for to in (host.ADDRESS, HOST)]
    return [
        stack.enter_context(Transfer(Inside(engine, name), PORT, place, to, port)) for name, place, to, port in ways
    ]


def test_a_transfer_of_a_minute_outlives_the_daemon(town: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    asker, there, away_s = Asker(town, "bb"), Asker(town, "bb").find("aa"), 0.0
    with ExitStack() as stack:
        moves = transfers(town, stack)
        begun = time.monotonic()
        for number in range(KILLS):
            time.sleep(max(0.0, begun + number * TRANSFER_S / KILLS - time.monotonic()))
            town.kill()
            killed = time.monotonic()
            with pytest.raises(ConnectionRefusedError):
                asker.find("aa")
            assert time.monotonic() - killed < 1
            town.start()
            assert asker.find("aa") == there
            away_s = max(away_s, time.monotonic() - killed)
        time.sleep(max(0.0, begun + TRANSFER_S - time.monotonic()))
        results = [move.finish() for move in moves]
    assert [sent for sent, _ in results] == [got for _, got in results]
    with capsys.disabled():
        sizes = [int(sent.split()[0]) // 1_000_000 for sent, _ in results]
        print(f"\n{KILLS} kills in {TRANSFER_S} s, names back after {away_s:.2f} s; MB transferred: {sizes}")


@contextlib.contextmanager
def meddling(engine: Engine) -> Iterator[None]:
    process = engine.host.here.popen("sh", "-c", _MEDDLER, start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_no_command_fails_while_somebody_meddles(town: Engine) -> None:
    with ExitStack() as stack:
        moves = transfers(town, stack)
        with meddling(town):
            for number in range(ROUNDS):
                name = f"guest-{number}"
                network = ("bridge", "open")[number % 2]
                links = ["--link", "db"] if network == "bridge" else []
                town.do("run", "-d", "--name", name, "--network", network, "-p", "80", *links, *SLEEP)
                if network == "bridge":
                    town.do("network", "connect", "open", name)
                town.do("port", "add", name, "81")
                town.do("rm", "-f", name)
        results = [move.finish() for move in moves]
    assert [sent for sent, _ in results] == [got for _, got in results]
    town.do("network", "reload")
    now = rules(town)
    town.kill()
    town.start()
    until(lambda: rules(town) == now, what="rules as a daemon makes them that was just started")
