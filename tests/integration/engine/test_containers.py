"""Lives of containers beyond the guide: many at a time, clients that go away, health, volumes, events."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from testbed.engine import Client, Engine, until

pytestmark = pytest.mark.root


@pytest.fixture
def docker(shared_engine: Engine) -> Client:
    return shared_engine.client("docker")


def create(engine: Engine, name: str, *cmd: str, **host: Any) -> str:
    body = {"Image": "box", "Cmd": list(cmd) or ["sleep", "60"], "HostConfig": host}
    return str(engine.json("POST", f"/containers/create?name={name}", body)["Id"])


def test_many_start_and_end_at_a_time_each_with_an_address_of_its_own(shared_engine: Engine) -> None:
    def live(number: int) -> str:
        name = f"many{number}"
        create(shared_engine, name, PublishAllPorts=True)
        shared_engine.json("POST", f"/containers/{name}/start")
        return shared_engine.address(name)

    with ThreadPoolExecutor(8) as pool:
        addresses = list(pool.map(live, range(24)))
        assert len(set(addresses)) == 24
        list(pool.map(lambda number: shared_engine.json("DELETE", f"/containers/many{number}?force=1"), range(24)))
    assert shared_engine.json("GET", "/containers/json?all=1") == []


def test_one_name_asked_for_by_many_is_given_once(shared_engine: Engine) -> None:
    def ask(_: int) -> int:
        return shared_engine.api("POST", "/containers/create?name=only", {"Image": "box", "Cmd": ["true"]})[0]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == [201, *[409] * 7]
    assert len(shared_engine.json("GET", "/containers/json?all=1")) == 1


def test_starting_twice_at_once_starts_once(shared_engine: Engine) -> None:
    create(shared_engine, "twice")
    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(lambda _: shared_engine.api("POST", "/containers/twice/start")[0], range(4)))
    assert answers == [204, 304, 304, 304]


@pytest.mark.parametrize(("verb", "status"), [("start", "running"), ("stop?t=1", "exited")])
def test_what_a_client_began_goes_on_when_it_hangs_up(shared_engine: Engine, verb: str, status: str) -> None:
    create(shared_engine, "lonely")
    if status == "exited":
        shared_engine.json("POST", "/containers/lonely/start")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(shared_engine.socket))
        connection.sendall(f"POST /containers/lonely/{verb} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    until(lambda: shared_engine.inspect("lonely")["State"]["Status"] == status)


def test_a_container_removed_by_force_while_it_ends_by_itself(shared_engine: Engine) -> None:
    for number in range(5):
        create(shared_engine, f"brief{number}", "true", AutoRemove=True)
        shared_engine.json("POST", f"/containers/brief{number}/start")
        assert shared_engine.api("DELETE", f"/containers/brief{number}?force=1")[0] in (204, 404)
    until(lambda: shared_engine.json("GET", "/containers/json?all=1") == [])


def test_restart_keeps_a_container_that_removes_itself(docker: Client) -> None:
    docker.do("run", "-d", "--rm", "--name", "again", "box", "sleep", "60")
    first = docker.do("inspect", "-f", "{{.State.Pid}}", "again")
    docker.do("restart", "-t", "0", "again")
    assert docker.do("inspect", "-f", "{{.State.Pid}}", "again") != first
    docker.do("stop", "-t", "0", "again")
    until(lambda: docker.do("ps", "-aq") == "")


def test_stop_ends_also_what_is_between_two_restarts_or_paused(docker: Client) -> None:
    docker.do("run", "-d", "--restart", "always", "--name", "looping", "box", "false")
    until(lambda: docker.do("inspect", "-f", "{{.RestartCount}}", "looping") >= "3")
    docker.do("stop", "looping")
    assert docker.do("inspect", "-f", "{{.State.Status}} {{.State.Restarting}}", "looping") == "exited false"
    docker.do("run", "-d", "--name", "frozen", "box", "sleep", "60")
    docker.do("pause", "frozen")
    docker.do("stop", "-t", "1", "frozen")
    assert docker.do("inspect", "-f", "{{.State.Status}}", "frozen") == "exited"


def test_stop_kills_what_does_not_listen(docker: Client) -> None:
    deaf = "trap '' TERM; while :; do sleep 0.1; done"
    docker.do("run", "-d", "--name", "deaf", "box", "sh", "-c", deaf)
    docker.do("stop", "-t", "1", "deaf")
    assert docker.do("inspect", "-f", "{{.State.ExitCode}}", "deaf") == "137"


def test_health_is_probed(docker: Client) -> None:
    words = ["--health-cmd", "test -f /ok", "--health-interval", "100ms", "--health-retries", "2"]
    docker.do("run", "-d", "--name", "ill", *words, "box", "sleep", "60")
    assert docker.do("inspect", "-f", "{{.State.Health.Status}}", "ill") == "starting"
    until(lambda: docker.do("inspect", "-f", "{{.State.Health.Status}}", "ill") == "unhealthy")
    docker.do("exec", "ill", "touch", "/ok")
    until(lambda: docker.do("ps", "--format", "{{.Status}}").endswith("(healthy)"))


def test_a_volume_is_filled_from_the_image_shared_and_kept(docker: Client) -> None:
    words = ["sh", "-c", "echo x>/own/f; sleep 60"]
    docker.do("run", "-d", "--name", "owner", "-v", "named:/etc", "-v", "/own", "box", *words)
    assert "root:x:0" in docker.do("run", "--rm", "-v", "named:/there", "box", "cat", "/there/passwd")
    until(lambda: docker.attempt("exec", "owner", "test", "-s", "/own/f").code == 0)
    assert docker.do("run", "--rm", "--volumes-from", "owner:ro", "box", "cat", "/own/f") == "x"
    assert docker.attempt("run", "--rm", "--volumes-from", "owner:ro", "box", "touch", "/own/g").code == 1
    assert "volume is in use" in docker.attempt("volume", "rm", "named").err
    docker.do("rm", "-f", "-v", "owner")
    assert docker.do("volume", "ls", "-q") == "named"
    docker.do("volume", "rm", "named")


def test_modes_of_network(docker: Client, shared_engine: Engine) -> None:
    docker.do("run", "-d", "--name", "donor", "-h", "donor", "box", "sleep", "60")
    shared = ["run", "--rm", "--network", "container:donor", "box"]
    assert docker.do(*shared, "hostname") == "donor"
    assert docker.do(*shared, "cat", "/etc/hosts") == docker.do("exec", "donor", "cat", "/etc/hosts")
    assert shared_engine.address("donor") in docker.do(*shared, "ip", "address")
    assert "eth0" not in docker.do("run", "--rm", "--network", "none", "box", "ip", "link")
    assert "uplink" in docker.do("run", "--rm", "--network", "host", "box", "ip", "link")
    docker.do("stop", "-t", "0", "donor")
    refused = docker.attempt(*shared, "true")
    assert refused.code == 125
    assert "cannot join network" in refused.err


def test_a_second_network_is_joined_and_left_while_it_runs(docker: Client) -> None:
    docker.do("network", "create", "--subnet", "10.99.0.0/24", "second")
    docker.do("run", "-d", "--name", "both", "box", "sleep", "60")
    docker.do("network", "connect", "--ip", "10.99.0.9", "second", "both")
    assert "10.99.0.9/24" in docker.do("exec", "both", "ip", "address", "show", "eth1")
    assert docker.attempt("network", "rm", "second").code == 1
    docker.do("restart", "-t", "0", "both")
    assert "10.99.0.9/24" in docker.do("exec", "both", "ip", "address", "show", "eth1")
    docker.do("network", "disconnect", "second", "both")
    assert "10.99.0.9" not in docker.do("exec", "both", "ip", "address")
    docker.do("network", "rm", "second")


def test_events_of_a_restart_come_in_dockers_order(docker: Client) -> None:
    docker.do("run", "-d", "--name", "eventful", "box", "sleep", "60")
    docker.do("restart", "-t", "0", "eventful")
    docker.do("rm", "-f", "eventful")
    span = ["--since", "1m", "--until", str(int(time.time()) + 1), "--filter", "container=eventful"]
    assert docker.do("events", *span, "--format", "{{.Action}}").splitlines() == [
        "create", "start", "kill", "kill", "die", "stop", "start", "restart", "kill", "die", "destroy",
    ]  # fmt: skip
