"""`db.fairlead` on the host, asked as any program of the host asks; the hosts file is the fake host's own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.engine import Engine, until
from testbed.host import Host
from testbed.namespace import CommandFailed

pytestmark = pytest.mark.root

SLEEP = ("box", "sleep", "1000")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Its /etc is its own: what is written there lies in a layer of the test's."""
    made = Host()
    layers = f"lowerdir=/etc,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    made.here.run("mount", "-t", "tmpfs", "none", str(tmp_path))
    made.here.run("mkdir", str(tmp_path / "upper"), str(tmp_path / "work"))
    made.here.run("mount", "-t", "overlay", "-o", layers, "none", "/etc")
    return made


def resolved(engine: Engine, name: str) -> list[str]:
    """The host's addresses for a name."""
    try:
        found = engine.host.here.run("getent", "ahosts", name)
    except CommandFailed:
        return []
    return [line.split()[0] for line in found.splitlines() if "STREAM" in line]


def test_the_host_finds_containers_by_name(new_engine: Callable[..., Engine], host: Host) -> None:
    machine = Path("/etc/hosts").read_bytes()
    host.here.run("sh", "-c", "printf '192.0.2.1 kept' >> /etc/hosts")
    before = host.here.run("cat", "/etc/hosts")
    engine = new_engine("--host-names", "hosts", host=host)
    engine.do("network", "create", "--ipv6", "lan")
    engine.do("network", "create", "--internal", "-o", "com.docker.network.bridge.gateway_mode_ipv4=isolated", "hid")
    engine.do("run", "-d", "--name", "db", *SLEEP)
    engine.do("run", "-d", "--name", "web", "--network", "lan", *SLEEP)
    engine.do("run", "-d", "--name", "hidden", "--network", "hid", *SLEEP)
    assert resolved(engine, "db.fairlead") == [engine.address("db")]
    six = engine.inspect("web")["NetworkSettings"]["Networks"]["lan"]["GlobalIPv6Address"]
    assert sorted(resolved(engine, "web.fairlead")) == sorted([engine.address("web", "lan"), six])
    assert resolved(engine, "hidden.fairlead") == []
    assert resolved(engine, "kept") == ["192.0.2.1"]

    engine.do("rename", "db", "store")
    assert (resolved(engine, "db.fairlead"), resolved(engine, "store.fairlead")) == ([], [engine.address("store")])

    web = int(engine.inspect("web")["State"]["Pid"])
    engine.kill()
    os.kill(web, signal.SIGKILL)
    engine.start()
    assert resolved(engine, "store.fairlead") == [engine.address("store")]
    assert resolved(engine, "web.fairlead") == []

    engine.do("rm", "-f", "store")
    until(lambda: host.here.run("cat", "/etc/hosts") == before, what="the file as it was")
    assert Path("/etc/hosts").read_bytes() == machine

    engine.do("run", "-d", "--name", "db", *SLEEP)
    assert resolved(engine, "db.fairlead")
    engine.stop()
    assert resolved(engine, "db.fairlead"), "containers go on without the daemon, and so do their names"
    engine.flags = []
    engine.start()
    assert host.here.run("cat", "/etc/hosts") == before
