"""docker-py: what `containers.run` can ask for, found again inside the container and in inspect."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from docker.errors import APIError, ContainerError
from docker.types import LogConfig, Mount, Ulimit

from testbed.engine import Engine

pytestmark = [pytest.mark.root, pytest.mark.clients]

STATUS = "cat /proc/self/status"


def inside(client: Any, script: str, **options: Any) -> str:
    return str(client.containers.run("box", ["sh", "-c", script], remove=True, **options).decode().strip())


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("hostname", {"hostname": "named"}, "hostname; cat /etc/hostname", "named\nnamed"),
    ("domainname", {"hostname": "a", "domainname": "b.test"}, "cat /proc/sys/kernel/domainname", "b.test"),
    ("environment as a dict", {"environment": {"A": "1", "B": "x y"}}, 'echo "$A/$B"', "1/x y"),
    ("environment as a list", {"environment": ["A=1", "B="]}, 'echo "$A/${B-unset}/${C-unset}"', "1//unset"),
    ("working directory", {"working_dir": "/made/here"}, "pwd", "/made/here"),
    ("user by number", {"user": "1234:77"}, "id -u; id -g", "1234\n77"),
    ("extra groups", {"user": "5", "group_add": ["99"]}, "grep ^Groups: /proc/self/status | grep -wo 99", "99"),
    ("entrypoint", {"entrypoint": ["echo", "before"]}, "true", "before sh -c true"),
    ("terminal", {"tty": True}, "tty; test -t 0 && echo yes", "/dev/pts/0\r\nyes"),
    ("init", {"init": True}, "test $(cat /proc/1/comm) != sh && echo other", "other"),
    ("read-only root", {"read_only": True}, "touch /x 2>/dev/null || echo refused", "refused"),
    ("tmpfs", {"tmpfs": {"/t": "size=1m"}}, "df -k /t | tail -1 | awk '{print $2}'", "1024"),
    ("size of /dev/shm", {"shm_size": "2m"}, "df -k /dev/shm | tail -1 | awk '{print $2}'", "2048"),
    ("ulimit", {"ulimits": [Ulimit(name="nofile", soft=123, hard=456)]}, "ulimit -Sn; ulimit -Hn", "123\n456"),
    ("sysctl", {"sysctls": {"net.core.somaxconn": "321"}}, "cat /proc/sys/net/core/somaxconn", "321"),
    ("all capabilities dropped", {"cap_drop": ["ALL"]}, f"{STATUS} | grep CapEff | tr -d '\\t'", "CapEff:" + "0" * 16),
    (
        "one capability alone",
        {"cap_drop": ["ALL"], "cap_add": ["NET_ADMIN"]},
        f"{STATUS} | grep CapEff | tr -d '\\t'",
        "CapEff:0000000000001000",
    ),
    ("no new privileges", {"security_opt": ["no-new-privileges"]}, f"{STATUS} | grep -c 'NoNewPrivs:.1'", "1"),
    ("no seccomp", {"security_opt": ["seccomp=unconfined"]}, f"{STATUS} | grep -c 'Seccomp:.0'", "1"),
    ("privileged", {"privileged": True}, "mount -t tmpfs none /tmp && echo may", "may"),
    ("a device", {"devices": ["/dev/null:/dev/other:r"]}, "ls -l /dev/other | cut -c1", "c"),
    ("an extra host", {"extra_hosts": {"far.test": "203.0.113.9"}}, "grep -c '^203.0.113.9.far.test' /etc/hosts", "1"),
    (
        "resolver",
        {"network_mode": "none", "dns": ["203.0.113.53"], "dns_search": ["corp.test"], "dns_opt": ["ndots:2"]},
        "grep -v '^#' /etc/resolv.conf | sort",
        "nameserver 203.0.113.53\noptions ndots:2\nsearch corp.test",
    ),
    ("no network", {"network_mode": "none"}, "ls /sys/class/net", "lo"),
    ("the host's pids", {"pid_mode": "host"}, "test $$ -gt 1 && echo others", "others"),
    ("the host's hostname", {"uts_mode": "host"}, "hostname", socket.gethostname()),
    ("private ipc", {"ipc_mode": "private"}, "df /dev/shm | tail -1 | awk '{print $1}'", "shm"),
    ("oom score", {"oom_score_adj": 321}, "cat /proc/self/oom_score_adj", "321"),
    ("cpu set", {"cpuset_cpus": "0"}, f"{STATUS} | grep Cpus_allowed_list | awk '{{print $2}}'", "0"),
    ("mac address", {"mac_address": "02:42:ac:11:00:77"}, "cat /sys/class/net/eth0/address", "02:42:ac:11:00:77"),
]


@pytest.mark.parametrize(("options", "script", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_an_option_takes_effect(client: Any, options: dict[str, Any], script: str, expected: str) -> None:
    assert inside(client, script, **options) == expected


SHOWN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("memory", {"mem_limit": "64m", "memswap_limit": "128m"}, {"Memory": 64 << 20, "MemorySwap": 128 << 20}),
    ("reservation", {"mem_limit": "64m", "mem_reservation": "32m"}, {"MemoryReservation": 32 << 20}),
    ("cpus", {"nano_cpus": 500_000_000}, {"NanoCpus": 500_000_000}),
    ("quota", {"cpu_period": 50_000, "cpu_quota": 25_000}, {"CpuPeriod": 50_000, "CpuQuota": 25_000}),
    ("shares", {"cpu_shares": 512}, {"CpuShares": 512}),
    ("processes", {"pids_limit": 77}, {"PidsLimit": 77}),
    ("log rotation", {"log_config": LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"})},
     {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}}),
    ("restart", {"restart_policy": {"Name": "on-failure", "MaximumRetryCount": 3}},
     {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
    ("automatic removal", {"auto_remove": True}, {"AutoRemove": True}),
    ("ports", {"ports": {"80/tcp": ("127.0.0.1", 8080)}},
     {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}}),
    ("publish all", {"publish_all_ports": True}, {"PublishAllPorts": True}),
    ("capabilities", {"cap_add": ["NET_ADMIN"], "cap_drop": ["MKNOD"]},
     {"CapAdd": ["NET_ADMIN"], "CapDrop": ["MKNOD"]}),
    ("volume driver", {"volume_driver": "local"}, {"VolumeDriver": "local"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "shown"), [case[1:] for case in SHOWN], ids=[case[0] for case in SHOWN])
def test_an_option_is_shown_back(client: Any, options: dict[str, Any], shown: dict[str, Any]) -> None:
    made = client.containers.create("box", "true", **options)
    made.reload()
    host_config = made.attrs["HostConfig"]
    got = {key: host_config[key] for key in shown}
    if "CapAdd" in got:  # older engines drop the prefix, newer ones add it
        got = {key: [name.removeprefix("CAP_") for name in names] for key, names in got.items()}
    assert got == shown


def test_health_check_is_shown_and_becomes_healthy(client: Any) -> None:
    check = {"test": ["CMD", "true"], "interval": 1_000_000_000, "timeout": 1_000_000_000, "retries": 2}
    made = client.containers.run("box", "sleep 60", detach=True, healthcheck=check)
    for _ in range(200):
        made.reload()
        if made.attrs["State"]["Health"]["Status"] == "healthy":
            break
    assert made.attrs["Config"]["Healthcheck"]["Interval"] == 1_000_000_000
    assert made.health in ("healthy", "starting")


def test_labels_and_stop_settings_are_config(client: Any) -> None:
    made = client.containers.create("box", "true", labels={"a.b": "c"}, stop_signal="SIGINT", stdin_open=True)
    made.reload()
    config = made.attrs["Config"]
    assert (config["Labels"], config["StopSignal"], config["OpenStdin"]) == ({"a.b": "c"}, "SIGINT", True)
    assert made.labels == {"a.b": "c"}


def test_memory_limit_is_the_cgroups(client: Any) -> None:
    script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true"
    assert inside(client, script, mem_limit="64m") == str(64 << 20)


def test_process_limit_stops_a_fork_bomb(client: Any) -> None:
    with pytest.raises(ContainerError, match="fork"):
        inside(client, "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait", pids_limit=4, stderr=True)


def test_bind_mount_both_ways_and_read_only(client: Any, shared_engine: Engine) -> None:
    directory = shared_engine.root / "py-bind"
    directory.mkdir(exist_ok=True)
    inside(client, "echo in > /b/file", volumes={str(directory): {"bind": "/b", "mode": "rw"}})
    assert (directory / "file").read_text() == "in\n"
    options = {"volumes": {str(directory): {"bind": "/b", "mode": "ro"}}}
    assert inside(client, "cat /b/file; touch /b/x 2>/dev/null || echo no", **options) == "in\nno"


@pytest.mark.parametrize(
    ("mount", "script", "expected"),
    [
        (Mount("/m", "named", type="volume"), "touch /m/x; ls /m", "x"),
        (Mount("/m", "named", type="volume", read_only=True), "touch /m/x 2>/dev/null || echo no", "no"),
        (Mount("/m", None, type="tmpfs", tmpfs_size=1 << 20), "df -k /m | tail -1 | awk '{print $2}'", "1024"),
        (Mount("/m", "/etc", type="bind", read_only=True), "test -e /m/passwd && echo seen", "seen"),
    ],
    ids=["volume", "read-only volume", "tmpfs", "bind"],
)
def test_mounts_of_the_long_form(client: Any, mount: Mount, script: str, expected: str) -> None:
    assert inside(client, script, mounts=[mount]) == expected


def test_mounts_are_shown_in_inspect(client: Any, shared_engine: Engine) -> None:
    directory = shared_engine.root / "py-shown"
    directory.mkdir(exist_ok=True)
    made = client.containers.create("box", "true", volumes=[f"{directory}:/b:ro", "kept:/v"])
    made.reload()
    mounts = {mount["Destination"]: mount for mount in made.attrs["Mounts"]}
    assert (mounts["/b"]["Type"], mounts["/b"]["Source"], mounts["/b"]["RW"]) == ("bind", str(directory), False)
    assert (mounts["/v"]["Type"], mounts["/v"]["Name"], mounts["/v"]["RW"]) == ("volume", "kept", True)


def test_volumes_from_another_container(client: Any) -> None:
    client.containers.run("box", ["sh", "-c", "echo shared > /v/file"], name="giver", volumes=["/v"])
    assert inside(client, "cat /v/file", volumes_from=["giver"]) == "shared"
    assert inside(client, "touch /v/x 2>/dev/null || echo no", volumes_from=["giver:ro"]) == "no"


def test_network_and_ipc_of_another_container(client: Any) -> None:
    owner = client.containers.run("box", "sleep 60", detach=True, name="owner", ipc_mode="shareable")
    address = owner.exec_run("hostname -i").output.decode().strip()
    assert inside(client, "hostname -i", network_mode="container:owner") == address
    owner.exec_run("touch /dev/shm/mark")
    assert inside(client, "ls /dev/shm", ipc_mode="container:owner") == "mark"
    assert inside(client, "ps | grep -c '[s]leep 60'", pid_mode="container:owner") == "1"


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("memory below the least", {"mem_limit": "1m"}, 400, "(?i)minimum memory limit allowed is 6"),
    ("swap below memory", {"mem_limit": "64m", "memswap_limit": "32m"}, 400, "(?i)minimum memoryswap limit"),
    ("swap without memory", {"memswap_limit": "64m"}, 400, "always set the Memory limit"),
    ("ipc mode", {"ipc_mode": "nosuch"}, 400, "(?i)invalid IPC mode"),
    ("pid mode", {"pid_mode": "nosuch"}, 400, "(?i)invalid PID mode"),
    ("oom score", {"oom_score_adj": 2000}, 400, r"\[-1000, 1000\]"),
    ("log driver", {"log_config": LogConfig(type="nosuch")}, 400, "(?i)logger: no log driver named 'nosuch'"),
    ("port", {"ports": {"70000/tcp": 1}}, 400, "(?i)invalid"),
    ("health interval", {"healthcheck": {"test": ["CMD", "true"], "interval": 1}}, 400, "(?i)interval.*1ms"),
    ("relative mount", {"volumes": ["/tmp:relative"]}, 400, "(?i)invalid (volume specification|mount)"),
    ("missing bind", {"mounts": [Mount("/m", "/nosuch-dir", type="bind")]}, 400, "bind source path does not exist"),
    ("cpu set", {"cpuset_cpus": "x"}, 400, "(?i)invalid value x for cpuset cpus"),
    ("nano cpus", {"nano_cpus": 99_000_000_000_000}, 400, "(?i)range of CPUs is from"),
    ("restart with removal", {"restart_policy": {"Name": "always"}, "auto_remove": True}, 400, "(?i)AutoRemove"),
    ("restart policy", {"restart_policy": {"Name": "nosuch"}}, 400, "(?i)invalid restart policy"),
    ("retries", {"restart_policy": {"Name": "always", "MaximumRetryCount": 2}}, 400, "(?i)maximum retry count"),
    ("capability", {"cap_add": ["NOSUCH"]}, 400, "(?i)unknown capability"),
    ("link to nobody", {"links": {"nobody": "x"}}, 400, "could not get container for nobody"),
    ("host and links", {"network_mode": "host", "links": {"nobody": "x"}}, 400, "(?i)conflicting options"),
    ("stop signal", {"stop_signal": "NOSUCH"}, 400, "(?i)invalid signal"),
    ("runtime", {"runtime": "nosuch"}, 400, "(?i)unknown.*runtime.*nosuch"),
    ("volume name", {"volumes": ["a/b:/v"]}, 400, "(?i)invalid characters"),
]


LATER = ("pid mode", "log driver", "relative mount")
"""Refused in these words, or at all, by newer engines than the distribution's."""


@pytest.mark.parametrize(("name", "options", "status", "text"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_wrong_option_is_refused_before_anything_is_made(
    client: Any, shared_engine: Engine, name: str, options: dict[str, Any], status: int, text: str
) -> None:
    if name in LATER and not shared_engine.ours:
        pytest.skip("of a later engine")
    with pytest.raises(APIError, match=text) as refused:
        client.api.create_container_from_config(_config(client, options), "refused")
    assert refused.value.status_code == status
    assert client.containers.list(all=True) == []


def _config(client: Any, options: dict[str, Any]) -> Any:
    """What docker-py would send, without the checks that it makes on its own for `run`."""
    from docker.models.containers import _create_container_args

    options = {"image": "box", "command": "true", "version": client.api._version, **options}
    made = _create_container_args(options)
    return client.api.create_container_config(**{k: v for k, v in made.items() if k not in ("name", "platform")})
