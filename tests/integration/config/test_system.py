"""What the engine says of itself and of its things: /version, /info, /system/df, /events, lists, prunes."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integration.config.harness import create, running
from testbed.engine import Engine

pytestmark = pytest.mark.root


def _filters(**wanted: Any) -> str:
    return quote(json.dumps(wanted))


def test_info_tells_the_truth(shared_engine: Engine) -> None:
    with running(shared_engine) as container:
        shared_engine.json("POST", f"/containers/{container}/pause")
        create(shared_engine, "true")
        info = shared_engine.json("GET", "/info")
        shared_engine.json("POST", f"/containers/{container}/unpause")
    assert [info[f"Containers{what}"] for what in ("", "Running", "Paused", "Stopped")] == [2, 0, 1, 1]
    assert str(uuid.UUID(info["ID"])) == (shared_engine.data_root / "engine-id").read_text()
    assert (info["Driver"], info["DockerRootDir"]) == ("overlay2", str(shared_engine.data_root))
    status = dict(info["DriverStatus"])
    assert status["Supports d_type"] == "true"
    assert status["Backing Filesystem"]
    assert info["KernelVersion"] == os.uname().release
    assert info["NCPU"] == len(os.sched_getaffinity(0))
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert info["MemTotal"] == pytest.approx(total, rel=0.01)
    assert set(info["Runtimes"]) >= {"runc", "crun"}
    assert (info["DefaultRuntime"], info["Swarm"]["LocalNodeState"]) == ("runc", "inactive")
    assert "name=seccomp,profile=builtin" in info["SecurityOptions"]
    assert info["CgroupVersion"] == ("2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "1")
    said = subprocess.run(["crun", "--version"], capture_output=True, text=True, check=True).stdout
    assert info["RuncCommit"]["ID"] in said
    assert info["RuncCommit"]["ID"]
    assert "docker.io" in info["RegistryConfig"]["IndexConfigs"]
    assert info["Plugins"]["Log"][-2:] == ["json-file", "local"]


def test_info_has_the_shape_of_its_version(shared_engine: Engine) -> None:
    old, middle, new = (shared_engine.json("GET", f"/v{v}/info") for v in ("1.24", "1.47", "1.50"))
    assert old["SecurityOptions"] == ["seccomp"]
    assert (old["ExecutionDriver"], old["KernelMemory"]) == ("<not supported>", False)
    assert "FirewallBackend" not in middle
    assert (middle["BridgeNfIptables"], middle["RuncCommit"]["Expected"]) == (False, middle["RuncCommit"]["ID"])
    assert new["FirewallBackend"] == {"Driver": "nftables"}
    assert "BridgeNfIptables" not in new
    assert "Expected" not in new["RuncCommit"]


def test_version_names_the_programs(shared_engine: Engine) -> None:
    version = shared_engine.json("GET", "/version")
    assert (version["ApiVersion"], version["MinAPIVersion"], version["Os"]) == ("1.50", "1.21", "linux")
    names = {component["Name"]: component["Version"] for component in version["Components"]}
    assert {"Engine", "crun", "conmon"} <= set(names)
    assert all(names.values())


@pytest.mark.parametrize("version", ["1.21", "1.24", "1.35", "1.44", "1.50"])
def test_every_version_is_answered(shared_engine: Engine, version: str) -> None:
    made = shared_engine.json("POST", f"/v{version}/containers/create", {"Image": "box", "Cmd": ["true"]})
    assert made["Warnings"] == []
    shown = shared_engine.json("GET", f"/v{version}/containers/{made['Id']}/json")
    assert shown["NetworkSettings"]["Ports"] == {}
    assert shown["NetworkSettings"]["IPAddress"] == ""
    assert shown["Mounts"] == []
    listed = shared_engine.json("GET", f"/v{version}/containers/json?all=1")
    assert listed[0]["Ports"] == []
    shared_engine.json("DELETE", f"/v{version}/containers/{made['Id']}")


@pytest.mark.parametrize(
    ("version", "text"),
    [("1.20", "client version 1.20 is too old. Minimum supported API version is 1.21, please upgrade your client to a "
              "newer version"),
     ("1.51", "client version 1.51 is too new. Maximum supported API version is 1.50")],
)  # fmt: skip
def test_versions_outside(shared_engine: Engine, version: str, text: str) -> None:
    status, answer = shared_engine.api("GET", f"/v{version}/info")
    assert (status, json.loads(answer)["message"]) == (400, text)


def test_what_takes_how_much(shared_engine: Engine) -> None:
    with running(shared_engine, {"Binds": ["data:/data"]}) as container:
        shared_engine.do("exec", container, "sh", "-c", "head -c 5000 /dev/zero > /x; ln /x /y; "
                         "head -c 700 /dev/zero > /data/z")  # fmt: skip
        usage = shared_engine.json("GET", "/system/df")
        (entry,) = usage["Containers"]
        (volume,) = usage["Volumes"]
        listed = shared_engine.json("GET", "/containers/json?size=1")[0]
        shown = shared_engine.json("GET", f"/containers/{container}/json?size=1")
        only = shared_engine.json("GET", "/system/df?type=volume")
    assert entry["SizeRw"] == listed["SizeRw"] == shown["SizeRw"]
    assert 5000 <= entry["SizeRw"] < 10_000
    assert shown["SizeRootFs"] > shown["SizeRw"]
    assert (volume["Name"], volume["UsageData"]) == ("data", {"Size": 700, "RefCount": 1})
    box = next(image for image in usage["Images"] if "box:latest" in image["RepoTags"])
    assert box["Containers"] == 1
    assert 0 < box["SharedSize"] <= box["Size"] <= usage["LayersSize"]
    assert (only["Images"], only["Containers"]) == (None, None)
    status, answer = shared_engine.api("GET", "/system/df?type=nonsense")
    assert (status, json.loads(answer)["message"]) == (400, "unknown object type: nonsense")


def test_events_of_the_past_by_every_filter(shared_engine: Engine) -> None:
    before = time.time()
    container = create(shared_engine, "exit 3", query="?name=told", Labels={"tier": "front", "color": "red"})
    shared_engine.json("POST", f"/containers/{container}/start")
    shared_engine.json("POST", f"/containers/{container}/wait")
    shared_engine.json("DELETE", f"/containers/{container}")

    def heard(**filters: Any) -> list[str]:
        query = f"since={before:.6f}&until={time.time():.6f}&filters={_filters(**filters)}"
        _, text = shared_engine.api("GET", f"/events?{query}")
        return [json.loads(line)["Action"] for line in text.splitlines()]

    everything = ["create", "start", "die", "destroy"]
    for wanted in (
        {"container": ["told"]}, {"container": [container[:12]]}, {"label": ["tier=front", "color"]},
        {"image": ["box"], "type": ["container"]}, {"type": {"container": True}},
    ):  # fmt: skip
        assert heard(**wanted) == everything, wanted
    assert heard(type=["network"]) == ["connect", "disconnect"]
    assert heard(event=["die", "start"]) == ["start", "die"]
    assert heard(label=["tier", "none"]) == []
    assert heard(scope=["swarm"]) == []


def test_events_of_all_that_is_remembered_and_what_means_nothing(shared_engine: Engine) -> None:
    status, answer = shared_engine.api("GET", f"/events?until=1&filters={_filters(color=['red'])}")
    assert (status, json.loads(answer)["message"]) == (400, "invalid filter 'color'")
    shared_engine.do("tag", "box", "an-event:1")
    shared_engine.do("rmi", "an-event:1")
    past = shared_engine.api("GET", f"/events?since=0&until={time.time():.9f}")[1]
    assert b'"name":"an-event:1"' in past
    status, answer = shared_engine.api("GET", "/events?since=20&until=10")
    assert (status, json.loads(answer)["message"]) == (
        400, "`since` time (20) cannot be after `until` time (10)")  # fmt: skip


def test_lists_by_every_filter(shared_engine: Engine) -> None:
    ended = create(shared_engine, "exit 3", query="?name=ended")
    shared_engine.json("POST", f"/containers/{ended}/start")
    shared_engine.json("POST", f"/containers/{ended}/wait")
    host = {"Binds": ["data:/data"], "PortBindings": {"80/tcp": [{"HostPort": "18080"}]}}
    exposed: dict[str, Any] = {"80/tcp": {}, "90/udp": {}}
    with running(shared_engine, host, ExposedPorts=exposed, Labels={"a": "b"}) as up:
        def found(**filters: Any) -> set[str]:
            listed = shared_engine.json("GET", f"/containers/json?all=1&filters={_filters(**filters)}")
            return {entry["Id"] for entry in listed}

        network = shared_engine.inspect(up)["NetworkSettings"]["Networks"]["bridge"]["NetworkID"]
        for one in (
            {"id": [up[3:20]]}, {"label": ["a=b"]}, {"status": ["running"]}, {"publish": ["18080"]},
            {"publish": ["18000-18100/tcp"]}, {"expose": ["90/udp"]}, {"expose": ["80"]}, {"volume": ["data"]},
            {"volume": ["/data"]}, {"since": ["ended"]}, {"health": ["none"], "status": ["running"]},
        ):  # fmt: skip
            assert found(**one) == {up}, one
        for other in ({"name": ["^/?end"]}, {"exited": ["3"]}, {"before": [up]}, {"status": ["exited", "dead"]}):
            assert found(**other) == {ended}, other
        for both in ({"ancestor": ["box"]}, {"network": ["bridge"]}, {"network": [network[:10]]}, {}):
            assert found(**both) == {up, ended}, both
        for none in ({"publish": ["80"]}, {"exited": ["0"]}, {"is-task": ["true"]}, {"ancestor": ["training/webapp"]}):
            assert found(**none) == set(), none
        assert [entry["Id"] for entry in shared_engine.json("GET", "/containers/json?limit=1")] == [up]


def test_prunes_take_what_their_filters_say(shared_engine: Engine) -> None:
    kept = create(shared_engine, "true", Labels={"keep": "1"})
    gone = create(shared_engine, "true", Labels={"keep": "0"})
    for name, labels in (("netkept", {"keep": "1"}), ("netgone", {})):
        shared_engine.json("POST", "/networks/create", {"Name": name, "Labels": labels})
        shared_engine.json("POST", "/volumes/create", {"Name": name, "Labels": labels})

    def prune(kind: str, **filters: Any) -> Any:
        return shared_engine.json("POST", f"/{kind}/prune?filters={_filters(**filters)}")

    assert prune("containers", until=["2001-01-01"])["ContainersDeleted"] is None
    assert prune("containers", **{"label!": ["keep=1"]})["ContainersDeleted"] == [gone]
    assert prune("containers", label=["keep"], until=["0s"])["ContainersDeleted"] == [kept]
    assert prune("networks", **{"label!": ["keep"]})["NetworksDeleted"] == ["netgone"]
    assert prune("networks", until=["1h"])["NetworksDeleted"] is None
    assert prune("volumes", label=["keep"])["VolumesDeleted"] is None  # anonymous ones alone
    assert prune("volumes", label=["keep"], all=["true"])["VolumesDeleted"] == ["netkept"]
    status, answer = shared_engine.api("POST", f"/containers/prune?filters={_filters(until=['1h', '2h'])}")
    assert (status, json.loads(answer)["message"]) == (400, "more than one until filter specified")


def test_honest_answers_of_an_engine_without_a_swarm(shared_engine: Engine) -> None:
    for method, path, wanted in (
        ("POST", "/swarm/leave?force=1", 503), ("POST", "/swarm/leave", 406), ("GET", "/swarm", 503),
        ("GET", "/services", 503), ("GET", "/nodes", 503), ("GET", "/secrets", 503), ("GET", "/configs", 503),
        ("GET", "/tasks", 503), ("POST", "/services/create", 503), ("GET", "/plugins", 200),
        ("GET", "/plugins/x/json", 404), ("GET", "/nowhere", 404),
    ):  # fmt: skip
        status, answer = shared_engine.api(method, path)
        assert status == wanted, (path, answer)
