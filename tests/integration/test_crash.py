"""kill -9 of the daemon: containers go on, a new daemon takes them back, and nothing is left behind."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable

import pytest

from testbed import host, leftovers
from testbed.engine import Engine, until
from testbed.guide import Guide

pytestmark = pytest.mark.root

CYCLES = 200
KILLS = 50


def test_killed_daemon_leaves_the_page_served_and_a_new_one_takes_everything_back(
    new_engine: Callable[..., Engine],
) -> None:
    engine = new_engine()
    guide = Guide(engine, engine.client("fairlead"))
    guide.run_db()
    guide.run_web("--link", "db:db", "-p", "80:5000")
    guide.do("run", "-d", "--name", "brief", "box", "sh", "-c", "echo last words; sleep 1; exit 7")
    guide.do("run", "-d", "--name", "endless", "--restart", "always", "box", "sh", "-c", "sleep 0.5; exit 1")
    guide.page(guide.here, "127.0.0.1", 80)
    address, port_lines, hosts = engine.address("db"), guide.lines("port", "web"), guide.hosts("web")
    db_log = guide.do("logs", "db")

    engine.kill()
    assert guide.here.fetch("http://127.0.0.1:80/") == "Hello world!\n"
    assert guide.far.fetch(f"http://{host.ADDRESS}:80/") == "Hello world!\n"
    time.sleep(1.2)  # `brief` ends while nobody looks
    engine.start()

    assert guide.here.fetch("http://127.0.0.1:80/") == "Hello world!\n"
    assert guide.reach("web", "db")
    assert guide.lines("port", "web") == port_lines
    assert guide.hosts("web") == hosts
    assert engine.address("db") == address
    assert guide.do("logs", "db") == db_log
    assert guide.do("logs", "brief") == "last words"
    assert guide.do("inspect", "-f", "{{ .State.ExitCode }} {{ .State.Status }}", "brief") == "7 exited"
    assert guide.do("inspect", "-f", "{{ .HostConfig.Links }}", "web") == "[/db:/web/db]"
    until(lambda: guide.do("inspect", "-f", "{{ .State.Running }}", "endless") == "true", what="the policy restarts it")
    assert not guide.here.can_hold(80), "the port is held again"
    late = guide.attempt("run", "-d", "-p", "80:5000", "--name", "late", "training/webapp")
    assert "port is already allocated" in late.err
    guide.do("stop", "-t", "1", "web")
    assert guide.here.fetch("http://127.0.0.1:80/", timeout_s=1) is None
    guide.do("start", "web")
    assert guide.page(guide.here, "127.0.0.1", 80) == "Hello world!\n"


def test_links_and_ports_lose_nobody_while_the_daemon_comes_back(new_engine: Callable[..., Engine]) -> None:
    """New connections all the while: the rules are replaced in one go, with those of what runs among them."""
    engine = new_engine()
    guide = Guide(engine, engine.client("fairlead"))
    guide.run_db()
    guide.run_web("--link", "db:db", "-p", "80:5000")
    guide.page(guide.here, "127.0.0.1", 80)
    ask = "nc -w 2 db 5432 </dev/null >/dev/null || echo lost; i=$((i+1))"
    script = f"i=0; while [ -e /go ]; do {ask}; done; echo $i asked"
    guide.do("exec", "web", "touch", "/go")
    client = engine.client("fairlead")
    pid = int(engine.inspect("web")["State"]["Pid"])
    argv = ["nsenter", "-t", str(pid), "-m", "-n", "-p", "-r", "-w", "/bin/sh", "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={"PATH": "/bin"}) as asking:
        for _ in range(4):
            engine.kill()
            engine.start()
        client.do("exec", "web", "rm", "/go")
        said = asking.communicate(timeout=30)[0].splitlines()
    assert said[:-1] == []
    assert int(said[-1].split()[0]) > 20


def test_logs_go_on_over_a_killed_daemon(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine()
    ticking = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done"
    engine.do("run", "-d", "--name", "clock", "box", "sh", "-c", ticking)
    time.sleep(0.5)
    engine.kill()
    time.sleep(0.5)
    engine.start()
    time.sleep(0.3)
    ticks = [int(line) for line in engine.do("logs", "clock").split()]
    assert ticks == list(range(len(ticks)))
    assert len(ticks) >= 10


def test_a_container_started_by_a_killed_daemon_can_be_attached_to_and_executed_in(
    new_engine: Callable[..., Engine],
) -> None:
    engine = new_engine()
    engine.do("run", "-d", "-i", "--name", "cat", "box", "cat")
    engine.kill()
    engine.start()
    assert engine.do("exec", "cat", "echo", "in") == "in"
    with engine.client("fairlead").terminal("attach", "cat") as terminal:
        terminal.type("through\n")
        terminal.expect("through\r\n")  # echoed by the terminal
        terminal.expect("through\r\n")  # by cat


def test_kills_at_random_moments_leave_nothing_behind(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine()
    engine.do("create", "--name", "warm", "box", "true")
    engine.do("start", "-a", "warm")
    engine.clear()
    before = leftovers.snapshot(engine)
    chance = random.Random(2)
    cycles, kills = 0, 0
    while cycles < CYCLES and kills < KILLS:  # on a slow machine fewer of them come to their end
        cycles += _kill_amid_cycles(engine, chance.uniform(0.02, 2.5))
        kills += 1
        engine.start()
        engine.clear()
        left = _settled_difference(engine, before)
        assert left == [], (
            f"after {cycles} cycles, {kills} kills:\n" + "\n".join(left) + f"\n--- daemon\n{engine.tail()}"
        )
        engine.do("run", "--rm", "--name", "db", "box", "true")


# Four loops at once, each of a linked pair with a published port; a loop ends when its daemon does.
CYCLE = """
f() { "$@" >/dev/null 2>&1; }
loop() {
    while f FAIRLEAD run -d --name db$1 training/postgres &&
        f FAIRLEAD run -d --name web$1 -P --link db$1:db training/webapp &&
        f FAIRLEAD stop -t 0 web$1 && f FAIRLEAD rm web$1 && f FAIRLEAD rm -f db$1
    do echo done; done
}
for k in 1 2 3 4; do loop $k & done; wait
"""


def _kill_amid_cycles(engine: Engine, after_s: float) -> int:
    """Kills the daemon while clients start and stop containers; returns how many cycles were whole."""
    client = engine.client("fairlead")
    script = CYCLE.replace("FAIRLEAD", " ".join(client.argv))
    with subprocess.Popen(["sh", "-c", script], env=client.env, stdout=subprocess.PIPE) as loops:
        time.sleep(after_s)
        engine.kill()
        return len(loops.communicate(timeout=30)[0].splitlines())


def _settled_difference(engine: Engine, before: dict[str, list[str]]) -> list[str]:
    left: list[str] = []
    for _ in range(100):
        left = leftovers.difference(before, leftovers.snapshot(engine))
        if not left:
            break
        time.sleep(0.05)
    return left
