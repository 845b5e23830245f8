"""`stats` by the API and by both clients: what a container is seen to use is what it was made to use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.engine import Engine, until

pytestmark = pytest.mark.root

MB = 1 << 20


def sample(engine: Engine, name: str, *, primed: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = engine.json("GET", f"/containers/{name}/stats?stream=0" + ("" if primed else "&one-shot=1"))
    return found


def test_a_container_is_seen_to_use_what_it_uses(shared_engine: Engine) -> None:
    spin = "dd if=/dev/zero of=/dev/shm/fill bs=1M count=20 2>/dev/null; while :; do :; done"
    shared_engine.do("run", "-d", "--name", "busy", "-m", "64m", "--pids-limit", "50", "box", "sh", "-c", spin)
    until(lambda: sample(shared_engine, "busy")["memory_stats"]["usage"] > 20 * MB, what="20 MB in use")
    seen = sample(shared_engine, "busy", primed=True)
    assert seen["name"] == "/busy"
    assert 20 * MB < seen["memory_stats"]["usage"] < 64 * MB
    assert seen["memory_stats"]["limit"] == 64 * MB
    assert seen["pids_stats"] == {"current": 1, "limit": 50}
    now, before = seen["cpu_stats"], seen["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    whole = now["system_cpu_usage"] - before["system_cpu_usage"]
    assert 0 < used <= whole
    assert seen["preread"] < seen["read"]


def test_traffic_is_told_for_each_interface_of_the_container(shared_engine: Engine) -> None:
    shared_engine.do("network", "create", "shop")
    shared_engine.do("run", "-d", "--name", "net", "box", "sleep", "60")
    shared_engine.do("network", "connect", "shop", "net")
    before = sample(shared_engine, "net")["networks"]
    assert sorted(before) == ["eth0", "eth1"]
    shared_engine.do("exec", "net", "ping", "-c", "3", "-i", "0.2", "-s", "1000", "172.17.0.1")
    after = sample(shared_engine, "net")["networks"]
    assert after["eth0"]["tx_bytes"] - before["eth0"]["tx_bytes"] >= 3000
    assert after["eth0"]["rx_packets"] - before["eth0"]["rx_packets"] >= 3


def test_what_does_not_run_uses_nothing(shared_engine: Engine) -> None:
    shared_engine.do("create", "--name", "idle", "box", "true")
    seen = sample(shared_engine, "idle", primed=True)
    assert seen["read"] == "0001-01-01T00:00:00Z"
    assert seen["memory_stats"] == seen["pids_stats"] == {}
    assert shared_engine.api("GET", "/containers/nobody/stats?stream=0")[0] == 404
    assert shared_engine.api("GET", "/containers/idle/stats?stream=1&one-shot=1")[0] == 400


@pytest.mark.parametrize("client", ["fairlead", "docker"])
def test_both_clients_show_it(shared_engine: Engine, client: str) -> None:
    shared_engine.do("run", "-d", "--name", "one", "-m", "64m", "box", "sleep", "60")
    shared_engine.do("create", "--name", "idle", "box", "true")
    by = shared_engine.client(client)
    lines = by.do("stats", "--no-stream").splitlines()
    assert lines[0].split() == [
        "CONTAINER", "ID", "NAME", "CPU", "%", "MEM", "USAGE", "/", "LIMIT", "MEM", "%", "NET", "I/O", "BLOCK", "I/O",
        "PIDS",
    ]  # fmt: skip
    assert [line.split()[1] for line in lines[1:]] == ["one"]
    assert "/ 64MiB" in lines[1]
    everyone = by.do("stats", "--no-stream", "-a", "--format", "{{.Name}} {{.PIDs}}").splitlines()
    assert sorted(everyone) == ["idle 0", "one 1"] or sorted(everyone) == ["idle --", "one 1"]
    as_json = json.loads(by.do("stats", "--no-stream", "--format", "json", "one"))
    assert as_json["Name"] == "one"
    assert as_json["PIDs"] == "1"


@pytest.mark.parametrize("client", ["fairlead", "docker"])
def test_a_limit_changes_while_the_container_runs(shared_engine: Engine, client: str) -> None:
    shared_engine.do("run", "-d", "--name", "one", "box", "sleep", "60")
    by = shared_engine.client(client)
    assert by.do("update", "-m", "64m", "--memory-swap", "-1", "one").splitlines()[0] == "one"
    assert sample(shared_engine, "one")["memory_stats"]["limit"] == 64 * MB
    refused = by.attempt("update", "--restart", "sometimes", "one")
    assert refused.code == 1
    assert "unknown policy" in refused.err
