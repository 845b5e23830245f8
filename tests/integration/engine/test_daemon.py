"""The daemon itself: its socket, its lock, its two ways to end, and what it does when the host was down."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.engine import CLEAN_ENV, LAUNCHER, Engine, until

pytestmark = pytest.mark.root


def test_the_socket_is_for_root_and_its_group_alone(engine: Engine) -> None:
    assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o660


@pytest.mark.parametrize("shared", ["data", "exec", "fairlead0"])
def test_a_second_daemon_that_shares_a_root_or_the_bridge_is_refused(
    shared_engine: Engine, shared: str, tmp_path: Path
) -> None:
    """And what runs goes on: a daemon sweeps away what it does not know below its roots."""
    engine = shared_engine
    engine.do("run", "-d", "--name", "first", "box", "sleep", "60")
    roots = {name: str((engine.root if name == shared else tmp_path) / name) for name in ("data", "exec")}
    bridge = "fairlead0" if shared == "fairlead0" else "other0"
    done = subprocess.run(
        [*engine.host.here.entry, str(LAUNCHER), "daemon", "--host", f"unix://{engine.root}/other", "--bridge", bridge,
         "--data-root", roots["data"], "--exec-root", roots["exec"]],
        capture_output=True, text=True, env=CLEAN_ENV, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    what = "the bridge fairlead0: give this one its own with --bridge" if shared == bridge else roots[shared]
    assert f"another daemon uses {what}" in done.stderr
    assert engine.do("exec", "first", "echo", "here") == "here"
    assert engine.log.read_text().count("somebody changed") == 0


def test_containers_may_be_told_to_end_with_the_daemon(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine("--stop-containers-on-exit")
    words = ["--stop-timeout", "1", "training/webapp", "python", "app.py"]
    engine.do("run", "-d", "--name", "web", "-p", "80:5000", *words)
    assert engine.stop() == 0
    assert engine.processes() == []
    assert engine.host.here.can_hold(80)
    links = engine.host.here.ip("link", "show")
    assert "fairlead0" not in links
    assert f"fairlead_{engine.instance}" not in engine.host.here.run("nft", "list", "tables")
    engine.start()
    assert engine.inspect("web")["State"]["Status"] == "exited"


def test_after_a_power_cut_linked_containers_start_sources_first(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine()
    for name, links in (("db", []), ("web", ["--link", "db"]), ("front", ["--link", "web"])):
        engine.do("run", "-d", "--restart", "always", "--name", name, *links, "training/postgres")
    engine.do("run", "-d", "--restart", "unless-stopped", "--name", "off", "box", "sleep", "60")
    engine.do("stop", "-t", "0", "off")
    engine.do("run", "-d", "--name", "once", "box", "sleep", "60")
    engine.kill()
    for pid in engine.processes():
        with contextlib.suppress(ProcessLookupError):  # gone with the one before it
            os.kill(pid, signal.SIGKILL)
    until(lambda: engine.processes() == [])
    engine.start()
    for name in ("front", "web", "db"):
        until(lambda name=name: engine.inspect(name)["State"]["Running"], what=f"{name} runs again")
    assert engine.inspect("off")["State"]["Status"] == "exited"
    once = engine.inspect("once")["State"]
    assert once["Status"] == "exited"
    assert once["ExitCode"] != 0


def test_a_daemon_of_a_plain_shell_publishes_more_ports_than_that_may_have_files(
    new_engine: Callable[..., Engine],
) -> None:
    """Its containers get the shell's limit all the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        engine = new_engine()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    engine.do("run", "-d", "--name", "web", "-p", "20000-20299:20000-20299", "box", "sh", "-c", "ulimit -n; sleep 600")
    assert len(engine.inspect("web")["NetworkSettings"]["Ports"]) == 300
    assert engine.do("logs", "web") == engine.do("exec", "web", "sh", "-c", "ulimit -n") == "256"
    engine.do("run", "-d", "--name", "own", "--ulimit", "nofile=99:100", "box", "sleep", "600")
    assert engine.do("exec", "own", "sh", "-c", "ulimit -n; ulimit -Hn") == "99\n100"


def test_what_nobody_knows_is_swept_at_the_start(engine: Engine) -> None:
    stray = "f" * 64
    engine.kill()
    for root in (engine.data_root / "containers", engine.data_root / "overlay2", engine.exec_root / "containers"):
        (root / stray).mkdir()
    (engine.data_root / "volumes" / "stray").mkdir()
    engine.start()
    assert list(Path(engine.root).rglob(stray)) == []
    assert not (engine.data_root / "volumes" / "stray").exists()


def test_containers_that_say_nothing_get_the_daemons_defaults_and_a_reload_tells_new_labels(
    new_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    file = tmp_path / "daemon.json"
    settings: dict[str, object] = {
        "log-driver": "local", "log-opts": {"max-size": "1m"}, "init": True,
        "default-ulimits": {"nofile": {"Soft": 123, "Hard": 456}}, "dns-search": ["x.test"], "dns-opts": ["ndots:3"],
        "default-shm-size": "1m", "labels": ["a=b"], "fixed-cidr": "172.17.9.0/24",
    }  # fmt: skip
    file.write_text(json.dumps(settings))
    engine = new_engine("--config-file", str(file))
    look = "ulimit -Sn; ulimit -Hn; df -k /dev/shm | tail -1 | awk '{print $2}'; cat /proc/1/comm /etc/resolv.conf; :"
    told = engine.do("run", "--name", "it", "box", "sh", "-c", look).split()
    assert told[:3] == ["123", "456", "1024"]
    assert told[3] != "sh"
    assert {"x.test", "ndots:3"} <= set(told)
    assert engine.inspect("it")["HostConfig"]["LogConfig"] == {"Type": "local", "Config": {"max-size": "1m"}}
    own = engine.do("run", "--ulimit", "nofile=77", "--init=false", "--name", "other", "box", "sh", "-c",
                    "ulimit -n; cat /proc/1/comm; :")  # fmt: skip
    assert own.split() == ["77", "sh"]
    engine.do("run", "-d", "--name", "third", "box", "sleep", "60")
    assert engine.address("third").startswith("172.17.9.")
    assert engine.json("GET", "/info")["Labels"] == ["a=b"]
    file.write_text(json.dumps({**settings, "labels": ["c=d"]}))
    os.kill(engine.pid, signal.SIGHUP)
    until(lambda: engine.json("GET", "/info")["Labels"] == ["c=d"], what="the new label")
    file.write_text("{")
    os.kill(engine.pid, signal.SIGHUP)
    assert (engine.json("GET", "/info")["Labels"], engine.json("GET", "/info")["LoggingDriver"]) == (["c=d"], "local")
