"""A host with cgroups v2 only: its /sys/fs/cgroup is the unified hierarchy of this machine. On a machine that has its
controllers in v1 it is one without memory, pids and cpu: what the core of v2 gives is proven here, limits are not.

Containers are privileged: the runtime loads no program for devices then, for which it wants a right (CAP_SYS_RESOURCE)
that builders of this kind do not have."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.engine import Engine, until
from testbed.host import Host

pytestmark = pytest.mark.root

_UNIFIED = Path("/sys/fs/cgroup/unified")
_ROOT = Path("/sys/fs/cgroup")


@pytest.fixture(scope="module")
def unified(new_module_engine_on: Callable[[Host], Engine]) -> Engine:
    host = Host()
    if not (_ROOT / "cgroup.controllers").exists():
        if not _UNIFIED.is_dir():
            pytest.skip("no unified hierarchy is mounted here")
        host.here.run("mount", "--bind", str(_UNIFIED), str(_ROOT))
    return new_module_engine_on(host)


def _cgroup(engine: Engine, container: str) -> Path:
    root = _ROOT if (_ROOT / "cgroup.controllers").exists() else _UNIFIED
    return root / "fairlead" / engine.instance / container


@contextlib.contextmanager
def _running(engine: Engine, *words: str) -> Iterator[str]:
    container = engine.do("run", "-d", "--privileged", *words)
    try:
        yield container
    finally:
        engine.do("rm", "-f", container)


def test_the_engine_says_what_it_stands_on(unified: Engine) -> None:
    info = unified.json("GET", "/info")
    assert info["CgroupVersion"] == "2"
    assert "name=cgroupns" in info["SecurityOptions"]
    assert info["MemoryLimit"] == ("memory" in (_ROOT / "cgroup.controllers").read_text().split()
                                   if (_ROOT / "cgroup.controllers").exists() else False)  # fmt: skip


def test_a_container_has_a_cgroup_of_its_own_and_sees_nothing_above_it(unified: Engine) -> None:
    with _running(unified, "box", "sleep", "60") as container:
        pid = unified.inspect(container)["State"]["Pid"]
        assert str(pid) in (_cgroup(unified, container) / "cgroup.procs").read_text().split()
        assert unified.do("exec", container, "cat", "/proc/self/cgroup").splitlines()[-1] == "0::/"
        kind = unified.do("exec", container, "sh", "-c", "grep ' /sys/fs/cgroup ' /proc/mounts")
        assert " cgroup2 rw," in kind
        assert len(unified.json("GET", f"/containers/{container}/top")["Processes"]) == 1
    until(lambda: not _cgroup(unified, container).exists(), what="the cgroup to go")


def test_pausing_freezes_and_kill_reaches_who_is_frozen(unified: Engine) -> None:
    with _running(unified, "box", "sh", "-c", "while :; do date +%s%N > /now; done") as container:
        events = _cgroup(unified, container) / "cgroup.events"
        until(lambda: unified.do("exec", container, "cat", "/now") != "", what="the first word")
        unified.do("pause", container)
        assert "frozen 1" in events.read_text()
        unified.do("unpause", container)
        assert "frozen 0" in events.read_text()
        unified.do("pause", container)
        unified.do("kill", container)
        until(lambda: unified.inspect(container)["State"]["Status"] == "exited", what="its end")


def test_stats_read_what_the_core_counts(unified: Engine) -> None:
    with _running(unified, "box", "sh", "-c", "while :; do :; done") as container:
        path = f"/containers/{container}/stats?stream=0&one-shot=1"

        def used() -> int:
            return int(unified.json("GET", path)["cpu_stats"]["cpu_usage"]["total_usage"])

        first = used()
        until(lambda: used() > first > 0, what="more processor time")


def test_limits_without_a_controller_are_dropped_with_a_warning_or_hold(unified: Engine) -> None:
    host = {"Memory": 2**26, "PidsLimit": 50, "CpuShares": 100, "Privileged": True}
    body = {"Image": "box", "Cmd": ["sleep", "60"], "HostConfig": host}
    made = unified.json("POST", "/containers/create?name=limited", body)
    unified.do("start", "limited")
    folder = _cgroup(unified, made["Id"])
    if unified.json("GET", "/info")["PidsLimit"]:
        assert (folder / "pids.max").read_text().strip() == "50"
        unified.json("POST", "/containers/limited/update", {"PidsLimit": -1})
        assert (folder / "pids.max").read_text().strip() == "max"
    else:
        dropped = " ".join(made["Warnings"]).lower()
        assert all(what in dropped for what in ("memory limit", "pids limit", "cpu shares"))
        unified.json("POST", "/containers/limited/update", {"RestartPolicy": {"Name": "always"}})
    unified.do("rm", "-f", "limited")


def test_who_takes_no_notice_of_a_stop_goes_with_all_it_started(unified: Engine) -> None:
    script = "trap '' TERM; for i in 1 2 3; do (trap '' TERM; sleep 60) & done; wait"
    with _running(unified, "--stop-timeout", "0", "box", "sh", "-c", script) as container:
        folder = _cgroup(unified, container)
        until(lambda: len((folder / "cgroup.procs").read_text().split()) >= 4, what="four processes")
        unified.do("stop", container)
        until(lambda: not folder.exists(), what="the cgroup to go")


def test_a_killed_daemon_finds_its_containers_again(unified: Engine) -> None:
    with _running(unified, "box", "sleep", "60") as container:
        pid = unified.inspect(container)["State"]["Pid"]
        unified.kill()
        unified.start()
        assert unified.inspect(container)["State"]["Pid"] == pid
        assert unified.do("exec", container, "echo", "there") == "there"
