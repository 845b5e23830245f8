"""Namespaces, capabilities, seccomp, devices, users: what a container may, asked from inside."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from integration.config.harness import create, output, refusal, running, sections, start_refusal
from testbed.engine import Engine

pytestmark = pytest.mark.root

STATUS = "echo == caps; grep ^CapBnd /proc/self/status | cut -f2; echo == seccomp; grep ^Seccomp: /proc/self/status " \
         "| cut -f2; echo == nnp; grep ^NoNewPrivs /proc/self/status | cut -f2; "  # fmt: skip
DEFAULT_CAPS = 0xA80425FB


def _own_caps() -> int:
    row = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    return int(row.split()[1], 16)


def test_the_default_is_docker_s(shared_engine: Engine) -> None:
    told = sections(output(shared_engine, STATUS + "echo == kcore; head -c1 /proc/kcore; echo == sys; touch /sys/x; "
                           "echo == proc; echo 1 > /proc/sys/vm/swappiness || echo refused"))  # fmt: skip
    assert int(told["caps"], 16) == DEFAULT_CAPS & _own_caps()
    assert (told["seccomp"], told["nnp"]) == ("2", "0")
    assert told["kcore"] == ""
    assert told["proc"].endswith("refused")


def test_privileged_has_what_the_host_has(shared_engine: Engine) -> None:
    told = sections(output(shared_engine, STATUS + "echo == dev; ls /dev; echo == proc; touch /proc/sys/vm/swappiness "
                           "&& echo writable", {"Privileged": True}))  # fmt: skip
    assert int(told["caps"], 16) == _own_caps()
    assert told["seccomp"] == "0"
    assert told["proc"] == "writable"
    host = {entry.name for entry in Path("/dev").iterdir() if entry.is_block_device() or entry.is_char_device()}
    assert host - {"console", "ptmx"} <= set(told["dev"].split())


def test_capabilities_are_added_and_dropped(shared_engine: Engine) -> None:
    everything = sections(output(shared_engine, STATUS, {"CapAdd": ["ALL"], "CapDrop": ["chown"]}))
    assert int(everything["caps"], 16) == _own_caps() & ~1
    few = sections(output(shared_engine, STATUS, {"CapDrop": ["all"], "CapAdd": ["CAP_NET_ADMIN", "kill"]}))
    assert int(few["caps"], 16) == 1 << 12 | 1 << 5
    assert refusal(shared_engine, {"CapAdd": ["NO_SUCH"]}) == (400, 'invalid CapAdd: unknown capability: "CAP_NO_SUCH"')


def test_a_capability_the_host_lacks_is_refused(shared_engine: Engine) -> None:
    lacking = [number for number in range(41) if not _own_caps() >> number & 1]
    if 24 not in lacking:
        pytest.skip("this host lacks no capability")
    status, text = refusal(shared_engine, {"CapAdd": ["SYS_RESOURCE"]})
    assert status == 400
    assert text == ("invalid CapAdd: capability not supported by your kernel or not available in the current "
                    'environment: "CAP_SYS_RESOURCE"')  # fmt: skip


def test_seccomp_and_new_privileges(shared_engine: Engine) -> None:
    open_ = {"SecurityOpt": ["seccomp=unconfined", "no-new-privileges"]}
    told = sections(output(shared_engine, STATUS, open_))
    assert (told["seccomp"], told["nnp"]) == ("0", "1")
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    profile = json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
    text = output(shared_engine, "mkdir /x 2>&1 || echo none", {"SecurityOpt": [f"seccomp={profile}"]})
    assert text.splitlines() == ["mkdir: can't create directory '/x': Function not implemented", "none"]


def test_unmasked_paths(shared_engine: Engine) -> None:
    """`--security-opt systempaths=unconfined` is these two, empty."""
    host: dict[str, Any] = {"MaskedPaths": [], "ReadonlyPaths": []}
    assert output(shared_engine, "touch /proc/sys/vm/swappiness && cat /proc/timer_list | head -c 5", host) == "Timer"


def test_devices_and_their_rules(shared_engine: Engine) -> None:
    host: dict[str, Any] = {
        "Devices": [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/messages", "CgroupPermissions": "r"},
                    {"PathOnHost": "/dev/net", "PathInContainer": "/dev/nets", "CgroupPermissions": "rwm"}],
        "DeviceCgroupRules": ["c 1:11 m"],
    }  # fmt: skip
    if not Path("/dev/net").is_dir():
        host["Devices"].pop()
    with running(shared_engine, host) as container:
        listing = shared_engine.do("exec", container, "ls", "-lR", "/dev")
        shown = shared_engine.inspect(container)["HostConfig"]
        rules = [*Path("/sys/fs/cgroup").glob(f"devices/fairlead/{shared_engine.instance}/{container}/devices.list")]
        if rules:
            assert "c 1:11 rm" in rules[0].read_text() or "c 1:11 m" in rules[0].read_text()
    assert any("messages" in line and line.startswith("c") for line in listing.splitlines())
    assert shown["Devices"] == host["Devices"]
    assert shown["DeviceCgroupRules"] == ["c 1:11 m"]


def test_a_device_that_is_none(shared_engine: Engine) -> None:
    gone = {"Devices": [{"PathOnHost": "/dev/no-such", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]}
    container = create(shared_engine, "true", gone)
    _, text = start_refusal(shared_engine, container)
    assert text == ('error gathering device information while adding custom device "/dev/no-such": '
                    "no such file or directory")  # fmt: skip


def test_users_and_groups_by_name_and_number(shared_engine: Engine) -> None:
    script = "id -u; id -g; id -G"
    assert output(shared_engine, script, {"GroupAdd": ["777"]}, User="12:34").split() == ["12", "34", "34", "777"]
    container = create(shared_engine, script, {"GroupAdd": ["nobody-knows-it"]})
    _, text = start_refusal(shared_engine, container)
    assert "unable to find group nobody-knows-it: no matching entries in group file" in text


def test_a_read_only_root_still_takes_files_of_the_engine(shared_engine: Engine) -> None:
    host = {"ReadonlyRootfs": True, "Tmpfs": {"/run": "size=1m,mode=700,exec"}}
    script = "echo == root; touch /x || echo refused; echo == run; touch /run/x && echo ok; grep ' /run ' " \
             "/proc/mounts; echo == shm; touch /dev/shm/x && echo ok"  # fmt: skip
    told = sections(output(shared_engine, script, host))
    assert told["root"].endswith("refused")
    assert told["run"].startswith("ok")
    assert "noexec" not in told["run"]
    assert "size=1024k,mode=700" in told["run"]
    assert told["shm"] == "ok"


def _namespace(engine: Engine, container: str, kind: str) -> str:
    return os.readlink(f"/proc/{engine.inspect(container)['State']['Pid']}/ns/{kind}")  # noqa: PTH115


def test_namespaces_of_the_host(shared_engine: Engine) -> None:
    host = {"PidMode": "host", "UTSMode": "host", "IpcMode": "host", "CgroupnsMode": "host", "NetworkMode": "host",
            "UsernsMode": "host"}  # fmt: skip
    with running(shared_engine, host) as container:
        pid = shared_engine.pid
        for kind in ("pid", "uts", "ipc", "cgroup", "net", "user"):
            assert _namespace(shared_engine, container, kind) == os.readlink(f"/proc/{pid}/ns/{kind}")  # noqa: PTH115
        shown = shared_engine.inspect(container)
    assert {name: shown["HostConfig"][name] for name in host} == host
    assert shown["Config"]["Hostname"] == os.uname().nodename


def test_namespaces_of_ones_own(shared_engine: Engine) -> None:
    with running(shared_engine, {"CgroupnsMode": "private"}, Hostname="box7", Domainname="example.org") as container:
        for kind in ("pid", "uts", "ipc", "cgroup", "net", "mnt"):
            assert _namespace(shared_engine, container, kind) != os.readlink(f"/proc/{shared_engine.pid}/ns/{kind}")  # noqa: PTH115
        assert shared_engine.do("exec", container, "hostname", "-f") == "box7.example.org"
        assert shared_engine.do("exec", container, "cat", "/proc/sys/kernel/domainname") == "example.org"
        told = shared_engine.inspect(container)["Config"]["Hostname"]
        assert shared_engine.do("exec", container, "cat", "/etc/hostname") == told
        assert shared_engine.do("exec", container, "cat", "/proc/self/cgroup").splitlines()[0].endswith(":/")


def test_processes_of_another_container(shared_engine: Engine) -> None:
    with running(shared_engine, script="exec sleep 4321") as donor, \
            running(shared_engine, {"PidMode": f"container:{donor[:12]}"}) as guest:  # fmt: skip
        assert "sleep 4321" in shared_engine.do("exec", guest, "ps")
        assert shared_engine.inspect(guest)["HostConfig"]["PidMode"] == f"container:{donor}"


def test_shared_memory_of_another_container(shared_engine: Engine) -> None:
    with running(shared_engine, {"IpcMode": "shareable", "ShmSize": 1 << 20}) as donor:
        shared_engine.do("exec", donor, "sh", "-c", "echo here > /dev/shm/x")
        with running(shared_engine, {"IpcMode": f"container:{donor}"}) as guest:
            assert shared_engine.do("exec", guest, "cat", "/dev/shm/x") == "here"
            assert _namespace(shared_engine, guest, "ipc") == _namespace(shared_engine, donor, "ipc")
    with running(shared_engine) as private:
        container = create(shared_engine, "true", {"IpcMode": f"container:{private}"})
        status, text = start_refusal(shared_engine, container)
        assert status == 400
        assert text.endswith("non-shareable IPC (hint: use IpcMode:shareable for the donor container)")


@pytest.mark.parametrize(
    ("member", "name", "said"),
    [
        ("NetworkMode", "net.ipv4.ip_forward", 'sysctl "net.ipv4.ip_forward" not allowed in host network namespace'),
        ("IpcMode", "kernel.shmmni", 'sysctl "kernel.shmmni" not allowed in host ipc namespace'),
    ],
)
def test_the_hosts_switches_are_not_set_through_a_container_that_is_in_its_namespace(
    shared_engine: Engine, member: str, name: str, said: str
) -> None:
    own = create(shared_engine, "true", {"Sysctls": {name: "7"}})
    assert start_refusal(shared_engine, own) == (204, "")
    with running(shared_engine, {member: "host"}) as donor:
        guest = create(shared_engine, "true", {member: f"container:{donor}", "Sysctls": {name: "7"}})
        assert start_refusal(shared_engine, guest) == (400, said)


def test_no_shared_memory_at_all(shared_engine: Engine) -> None:
    text = output(shared_engine, "grep -c /dev/shm /proc/mounts; ls -d /dev/shm", {"IpcMode": "none"})
    assert text.splitlines()[0] == "0"


def test_joining_a_container_that_does_not_run(shared_engine: Engine) -> None:
    donor = create(shared_engine, "true")
    for member, kind in (("PidMode", "PID"), ("IpcMode", "IPC")):
        status, text = start_refusal(shared_engine, create(shared_engine, "true", {member: f"container:{donor}"}))
        assert (status, text) == (409, f"failed to join {kind} namespace: container {donor} is not running")


def test_an_init_of_its_own_reaps(shared_engine: Engine) -> None:
    with running(shared_engine, {"Init": True}) as container:
        first = shared_engine.do("exec", container, "cat", "/proc/1/cmdline").split("\0")[0]
        shown = shared_engine.inspect(container)
    assert first == "/sbin/docker-init"
    assert (shown["HostConfig"]["Init"], shown["Path"]) == (True, "sh")


@pytest.mark.parametrize("runtime", ["runc", "crun", "io.containerd.runc.v2"])
def test_runtimes_are_accepted_and_shown(shared_engine: Engine, runtime: str) -> None:
    with running(shared_engine, {"Runtime": runtime}) as container:
        assert shared_engine.inspect(container)["HostConfig"]["Runtime"] == runtime


def test_kernel_parameters_of_the_container_alone(shared_engine: Engine) -> None:
    host = {"Sysctls": {"net.ipv4.ip_local_port_range": "5000 6000", "kernel.msgmax": "1234"}}
    script = "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/msgmax"
    assert output(shared_engine, script, host).split() == ["5000", "6000", "1234"]


def test_annotations_labels_and_stop_signal_are_shown(shared_engine: Engine) -> None:
    container = create(shared_engine, "true", {"Annotations": {"org.example": "1"}}, Labels={"a": "b"},
                       StopSignal="SIGUSR1", StopTimeout=3)  # fmt: skip
    shown = shared_engine.inspect(container)
    assert shown["HostConfig"]["Annotations"] == {"org.example": "1"}
    assert (shown["Config"]["Labels"], shown["Config"]["StopSignal"], shown["Config"]["StopTimeout"]) == (
        {"a": "b"}, "SIGUSR1", 3)  # fmt: skip


def test_an_image_of_another_platform(shared_engine: Engine) -> None:
    status, text = refusal(shared_engine, query="?platform=linux/s390x")
    assert status == 404
    assert text.startswith("image with reference box was found but its platform (linux/")
    assert text.endswith("does not match the specified platform (linux/s390x)")
    assert refusal(shared_engine, query="?platform=a/b/c/d")[0] == 400


def test_what_needs_other_storage_or_plugins(shared_engine: Engine) -> None:
    assert refusal(shared_engine, {"StorageOpt": {"size": "10G"}}) == (
        400, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option")  # fmt: skip
    assert refusal(shared_engine, {"VolumeDriver": "nfs"}) == (
        400, 'error looking up volume plugin nfs: plugin "nfs" not found')  # fmt: skip
    assert refusal(shared_engine, {"SecurityOpt": ["apparmor=mine"]})[0] == 400
