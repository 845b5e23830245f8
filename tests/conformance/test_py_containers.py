"""docker-py: the life of containers, what lists and filters show of them, and what comes out of them."""

from __future__ import annotations

import io
import re
import tarfile
import time
from typing import Any

import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

from testbed.engine import Engine, until

pytestmark = [pytest.mark.root, pytest.mark.clients]


def sleeper(client: Any, name: str = "it", **options: Any) -> Any:
    return client.containers.run("box", "sleep 60", detach=True, name=name, **options)


def shell(client: Any, script: str, name: str = "it", **options: Any) -> Any:
    return client.containers.run("box", ["sh", "-c", script], detach=True, name=name, **options)


def names(containers: list[Any]) -> list[str]:
    return sorted(container.name for container in containers)


# --- life ---------------------------------------------------------------------------------------------------------


def test_states_from_created_to_removed(client: Any) -> None:
    it = client.containers.create("box", "sleep 60", name="it")
    seen = [it.status]
    for step in (it.start, it.pause, it.unpause, lambda: it.stop(timeout=0)):
        step()
        it.reload()
        seen.append(it.status)
    assert seen == ["created", "running", "paused", "running", "exited"]
    it.remove()
    with pytest.raises(NotFound, match="No such container: it"):
        client.containers.get("it")


def test_run_gives_the_output_and_raises_what_failed(client: Any) -> None:
    assert client.containers.run("box", ["echo", "hello"], remove=True) == b"hello\n"
    with pytest.raises(ContainerError) as failed:
        client.containers.run("box", ["sh", "-c", "echo bad >&2; exit 5"], remove=True)
    assert (failed.value.exit_status, failed.value.stderr) == (5, b"bad\n")


def test_run_without_its_image_looks_for_it_and_says_so(client: Any) -> None:
    with pytest.raises((ImageNotFound, APIError)):
        client.containers.create("nosuch:1", "true")


def test_a_missing_command_is_told_at_start(client: Any) -> None:
    it = client.containers.create("box", "/nosuch", name="it")
    with pytest.raises(APIError, match="no such file or directory") as failed:
        it.start()
    assert failed.value.status_code in (400, 404)
    it.reload()
    assert it.status in ("created", "exited")
    assert it.attrs["State"]["ExitCode"] == 127


def test_start_of_a_running_and_stop_of_a_stopped_change_nothing(client: Any) -> None:
    it = sleeper(client)
    it.start()
    it.stop(timeout=0)
    it.stop(timeout=0)
    it.reload()
    assert it.status == "exited"


def test_stop_sends_the_stop_signal_and_then_kills(client: Any) -> None:
    gentle = shell(client, "trap 'exit 7' USR1; echo set; while :; do sleep 0.05; done", stop_signal="SIGUSR1")
    until(gentle.logs)
    gentle.stop(timeout=5)
    assert gentle.wait()["StatusCode"] == 7
    stubborn = shell(client, "trap '' TERM; echo set; while :; do sleep 0.05; done", name="stubborn")
    until(stubborn.logs)
    began = time.monotonic()
    stubborn.stop(timeout=1)
    assert 0.8 < time.monotonic() - began < 5
    assert stubborn.wait()["StatusCode"] == 137


def test_kill_with_a_signal_by_name_and_number(client: Any) -> None:
    it = shell(client, "trap 'echo got' HUP; echo set; while :; do sleep 0.05; done")
    until(it.logs)
    it.kill(signal="HUP")
    until(lambda: it.logs() == b"set\ngot\n")
    it.kill(signal=1)
    until(lambda: it.logs() == b"set\ngot\ngot\n")
    with pytest.raises(APIError) as refused:
        it.kill(signal="NOSUCH")
    assert refused.value.status_code == 400
    it.kill()
    assert it.wait()["StatusCode"] == 137


def test_kill_of_a_stopped_one_is_a_conflict(client: Any) -> None:
    it = client.containers.create("box", "true", name="it")
    with pytest.raises(APIError, match="is not running") as refused:
        it.kill()
    assert refused.value.status_code == 409


def test_restart_starts_anew(client: Any) -> None:
    it = sleeper(client)
    it.reload()
    first = it.attrs["State"]
    it.restart(timeout=0)
    it.reload()
    second = it.attrs["State"]
    assert second["Running"]
    assert second["Pid"] != first["Pid"]
    assert second["StartedAt"] > first["StartedAt"]


def test_rename_and_its_refusals(client: Any) -> None:
    it = sleeper(client)
    client.containers.create("box", "true", name="taken")
    it.rename("other")
    it.reload()
    assert it.name == "other"
    with pytest.raises(APIError, match="already in use") as refused:
        it.rename("taken")
    assert refused.value.status_code == 409
    with pytest.raises(APIError) as refused:
        it.rename("no/good")
    assert refused.value.status_code == 400


def test_remove_wants_force_for_a_running_one(client: Any) -> None:
    it = sleeper(client)
    with pytest.raises(APIError) as refused:
        it.remove()
    assert refused.value.status_code == 409
    it.remove(force=True)
    assert client.containers.list(all=True) == []


def test_remove_with_volumes_takes_the_anonymous_alone(client: Any) -> None:
    it = client.containers.create("box", "true", volumes=["/anonymous", "named:/n"])
    assert len(client.volumes.list()) == 2
    it.remove(v=True)
    assert [volume.name for volume in client.volumes.list()] == ["named"]


def test_wait_for_each_condition(client: Any) -> None:
    it = client.containers.create("box", ["sh", "-c", "exit 9"], name="it")
    assert it.wait(condition="not-running")["StatusCode"] == 0
    it.start()
    assert it.wait(condition="not-running")["StatusCode"] == 9
    brief = client.containers.run("box", ["sh", "-c", "sleep 0.3; exit 4"], detach=True, auto_remove=True, name="brief")
    assert brief.wait(condition="removed")["StatusCode"] == 4
    assert names(client.containers.list(all=True)) == ["it"]


def test_automatic_removal_frees_the_name(client: Any) -> None:
    for _ in range(2):
        brief = client.containers.run("box", "true", detach=True, auto_remove=True, name="brief")
        try:
            brief.wait(condition="removed")
        except NotFound:  # was quicker than we
            pass
    assert client.containers.list(all=True) == []


def test_prune_removes_the_stopped(client: Any) -> None:
    sleeper(client, "stays")
    gone = client.containers.create("box", "true", name="goes", labels={"prune": "me"})
    kept = client.containers.create("box", "true", name="kept")
    assert client.containers.prune(filters={"label": "prune=me"})["ContainersDeleted"] == [gone.id]
    assert client.containers.prune()["ContainersDeleted"] == [kept.id]
    assert names(client.containers.list(all=True)) == ["stays"]


def test_update_changes_limits_of_a_running_one(client: Any) -> None:
    it = sleeper(client, mem_limit="64m", memswap_limit="128m")
    it.update(mem_limit="32m", cpu_shares=300, restart_policy={"Name": "always"})
    it.reload()
    host_config = it.attrs["HostConfig"]
    assert (host_config["Memory"], host_config["CpuShares"]) == (32 << 20, 300)
    assert host_config["RestartPolicy"]["Name"] == "always"
    script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null"
    assert it.exec_run(["sh", "-c", script]).output.decode().strip() == str(32 << 20)


def test_restart_policy_gives_up_after_its_retries(client: Any) -> None:
    it = shell(client, "exit 1", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})

    def over() -> bool:
        it.reload()
        return bool(it.attrs["RestartCount"] == 2 and it.status == "exited")

    until(over, timeout_s=15)
    assert it.attrs["State"]["ExitCode"] == 1


# --- lists --------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(client: Any) -> Any:
    sleeper(client, "runs", labels={"kind": "a", "both": "1"}, ports={"81/tcp": None})
    client.containers.create("box", "true", name="made", labels={"kind": "b", "both": "1"})
    shell(client, "exit 3", "ended", volumes=["crowd:/v"]).wait()
    return client


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["ended", "made", "runs"]),
    ({"status": "running"}, ["runs"]),
    ({"status": ["created", "exited"]}, ["ended", "made"]),
    ({"exited": "3"}, ["ended"]),
    ({"exited": "0"}, []),
    ({"label": "both"}, ["made", "runs"]),
    ({"label": "kind=a"}, ["runs"]),
    ({"label": ["both", "kind=b"]}, ["made"]),
    ({"name": "un"}, ["runs"]),
    ({"name": "^/?made$"}, ["made"]),
    ({"name": ["runs", "ended"]}, ["ended", "runs"]),
    ({"ancestor": "box"}, ["ended", "made", "runs"]),
    ({"ancestor": "training/webapp"}, []),
    ({"before": "ended"}, ["made", "runs"]),
    ({"since": "runs"}, ["ended", "made"]),
    ({"volume": "crowd"}, ["ended"]),
    ({"volume": "/v"}, ["ended"]),
    ({"network": "bridge", "status": "running"}, ["runs"]),
    ({"network": "none"}, []),
    ({"health": "none", "status": "running"}, ["runs"]),
    ({"expose": "81/tcp"}, ["runs"]),
    ({"is-task": "true"}, []),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=lambda value: str(value).replace("/", "_"))
def test_list_by_filter(crowd: Any, filters: dict[str, Any], expected: list[str]) -> None:
    assert names(crowd.containers.list(all=True, filters=filters)) == expected


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"nosuch": "x"}, "(?i)invalid filter"),
        ({"status": "nosuch"}, "(?i)invalid"),
        ({"exited": "x"}, "(?i)invalid|parsing"),
    ],
)
def test_a_wrong_filter_is_refused(client: Any, filters: dict[str, Any], text: str) -> None:
    with pytest.raises(APIError, match=text) as refused:
        client.containers.list(filters=filters)
    assert refused.value.status_code in (400, 500)


def test_limit_and_latest_mean_the_newest(crowd: Any) -> None:
    assert [container.name for container in crowd.containers.list(limit=2)] == ["ended", "made"]
    assert [entry["Names"] for entry in crowd.api.containers(latest=True)] == [["/ended"]]


def test_a_list_entry_says_what_ps_shows(client: Any) -> None:
    it = sleeper(client, ports={"80/tcp": ("127.0.0.1", 8081)}, labels={"a": "b"})
    entry = client.api.containers(size=True)[0]
    assert entry["Id"] == it.id
    assert entry["Names"] == ["/it"]
    assert (entry["Image"], entry["Command"], entry["State"]) == ("box", "sleep 60", "running")
    assert re.fullmatch(r"Up (Less than a second|\d+ seconds?)", entry["Status"])
    assert entry["Ports"] == [{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8081, "Type": "tcp"}]
    assert entry["Labels"]["a"] == "b"
    assert entry["HostConfig"]["NetworkMode"] in ("default", "bridge")
    assert "bridge" in entry["NetworkSettings"]["Networks"]
    assert entry["SizeRootFs"] > 0


def test_inspect_says_what_programs_look_at(client: Any) -> None:
    it = sleeper(client)
    it.reload()
    attrs = it.attrs
    assert attrs["Path"] == "sleep"
    assert attrs["Args"] == ["60"]
    assert attrs["Image"].startswith("sha256:")
    assert attrs["Config"]["Image"] == "box"
    assert attrs["Config"]["Hostname"] == it.short_id
    assert attrs["State"]["Pid"] > 0
    for key, name in (("ResolvConfPath", "resolv.conf"), ("HostnamePath", "hostname"), ("HostsPath", "hosts")):
        assert attrs[key].endswith(f"/containers/{it.id}/{name}")
    assert attrs["NetworkSettings"]["Networks"]["bridge"]["Gateway"] == "172.17.0.1"
    assert attrs["Driver"] == "overlay2"
    assert attrs["Platform"] == "linux"


# --- output -------------------------------------------------------------------------------------------------------


def test_logs_by_stream_tail_since_and_time(client: Any) -> None:
    it = shell(client, "echo one; echo two >&2; echo three; sleep 0.05")
    it.wait()
    assert sorted(it.logs().splitlines()) == [b"one", b"three", b"two"]
    assert it.logs(stderr=False) == b"one\nthree\n"
    assert it.logs(stdout=False) == b"two\n"
    assert len(it.logs(tail=1).splitlines()) == 1
    assert it.logs(since=int(time.time()) + 100) == b""
    assert re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ", it.logs(timestamps=True))


def test_logs_follow_until_the_end(client: Any) -> None:
    it = shell(client, "for i in 1 2 3; do echo $i; sleep 0.1; done")
    assert b"".join(it.logs(stream=True, follow=True)) == b"1\n2\n3\n"


def test_attach_streams_what_comes(client: Any) -> None:
    it = client.containers.create("box", ["sh", "-c", "echo out; echo err >&2"], name="it")
    stream = it.attach(stream=True, stdout=True, stderr=True, demux=True)
    it.start()
    parts = list(stream)
    assert b"".join(out for out, _ in parts if out) == b"out\n"
    assert b"".join(err for _, err in parts if err) == b"err\n"


def test_attach_socket_takes_stdin_and_its_end(client: Any) -> None:
    it = client.containers.create("box", "cat", name="it", stdin_open=True, tty=False)
    connection = client.api.attach_socket(it.id, {"stdin": 1, "stdout": 1, "stream": 1})
    it.start()
    connection._sock.sendall(b"typed\n")
    until(lambda: it.logs() == b"typed\n")
    connection._response.close()
    assert it.wait()["StatusCode"] == 0


def test_resize_of_a_terminal(client: Any) -> None:
    it = shell(client, 'until [ "$(stty size 2>/dev/null)" = "33 77" ]; do sleep 0.02; done; echo resized', tty=True)
    it.resize(33, 77)
    assert it.wait()["StatusCode"] == 0
    assert it.logs().strip() == b"resized"


def test_top_and_its_options(client: Any) -> None:
    it = sleeper(client)
    top = it.top()
    assert top["Titles"][:3] == ["UID", "PID", "PPID"]
    assert [row[-1] for row in top["Processes"]] == ["sleep 60"]
    assert it.top(ps_args="-o pid,comm")["Titles"] == ["PID", "COMMAND"]


def test_stats_once_and_streamed(client: Any) -> None:
    it = sleeper(client)
    once = it.stats(stream=False)
    assert once["id"] == it.id
    assert once["name"] == "/it"
    assert once["memory_stats"]["usage"] > 0
    assert once["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert "eth0" in once["networks"]
    stream = it.stats(stream=True, decode=True)
    assert next(stream)["id"] == it.id
    stream.close()


def test_diff_tells_added_changed_and_deleted(client: Any) -> None:
    it = shell(client, "echo > /etc/new; rm /etc/group")
    it.wait()
    changes = {change["Path"]: change["Kind"] for change in it.diff()}
    assert (changes["/etc"], changes["/etc/new"], changes["/etc/group"]) == (0, 1, 2)


def test_export_is_the_whole_root(client: Any) -> None:
    it = shell(client, "echo exported > /mark")
    it.wait()
    with tarfile.open(fileobj=io.BytesIO(b"".join(it.export()))) as archive:
        assert {"mark", "bin/busybox"} <= {name.removeprefix("./") for name in archive.getnames()}


def test_commit_makes_an_image_with_changes(client: Any) -> None:
    it = shell(client, "echo committed > /mark")
    it.wait()
    image = it.commit(repository="committed", tag="1", message="m", author="a", changes="CMD cat /mark")
    assert image.tags == ["committed:1"]
    assert client.containers.run("committed:1", remove=True) == b"committed\n"
    assert (image.attrs["Author"], image.attrs["Comment"]) == ("a", "m")
    client.images.remove("committed:1")


# --- archives -----------------------------------------------------------------------------------------------------


def tarred(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("running", [True, False], ids=["running", "created"])
def test_archive_in_and_out(client: Any, running: bool) -> None:
    it = sleeper(client) if running else client.containers.create("box", "true", name="it")
    assert it.put_archive("/tmp", tarred(file=b"through"))
    stream, stat = it.get_archive("/tmp/file")
    assert (stat["name"], stat["size"], stat["linkTarget"]) == ("file", 7, "")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        member = archive.extractfile("file")
        assert member is not None
        assert member.read() == b"through"


def test_archive_of_what_is_not_there(client: Any) -> None:
    it = client.containers.create("box", "true", name="it")
    with pytest.raises(NotFound, match="Could not find the file /nosuch in container"):
        it.get_archive("/nosuch")
    with pytest.raises(NotFound):
        it.put_archive("/nosuch", tarred(file=b""))


def test_archive_reaches_into_a_volume(client: Any, shared_engine: Engine) -> None:
    it = client.containers.create("box", "true", name="it", volumes=["archived:/v"])
    it.put_archive("/v", tarred(file=b"in the volume"))
    place = client.volumes.get("archived").attrs["Mountpoint"]
    assert shared_engine.host.here.run("cat", f"{place}/file") == "in the volume"


# --- exec ---------------------------------------------------------------------------------------------------------


EXECS: list[tuple[str, dict[str, Any], str, int, bytes]] = [
    ("output", {}, "echo hi", 0, b"hi\n"),
    ("exit code", {}, "exit 42", 42, b""),
    ("environment", {"environment": {"A": "b"}}, "echo $A", 0, b"b\n"),
    ("directory", {"workdir": "/tmp"}, "pwd", 0, b"/tmp\n"),
    ("user", {"user": "7:8"}, "id -u; id -g", 0, b"7\n8\n"),
    ("terminal", {"tty": True}, "test -t 1 && echo tty", 0, b"tty\r\n"),
    ("privileged", {"privileged": True}, "mount -t tmpfs none /tmp && umount /tmp && echo may", 0, b"may\n"),
    ("stdout alone", {"stderr": False}, "echo out; echo err >&2", 0, b"out\n"),
]


@pytest.mark.parametrize(("options", "script", "code", "output"), [c[1:] for c in EXECS], ids=[c[0] for c in EXECS])
def test_exec(client: Any, options: dict[str, Any], script: str, code: int, output: bytes) -> None:
    result = sleeper(client).exec_run(["sh", "-c", script], **options)
    assert (result.exit_code, result.output) == (code, output)


def test_exec_keeps_the_streams_apart(client: Any) -> None:
    _, (out, err) = sleeper(client).exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
    assert (out, err) == (b"out\n", b"err\n")


def test_exec_streams_as_it_comes(client: Any) -> None:
    _, stream = sleeper(client).exec_run(["sh", "-c", "echo 1; sleep 0.1; echo 2"], stream=True)
    assert b"".join(stream) == b"1\n2\n"


def test_exec_socket_takes_stdin(client: Any) -> None:
    _, connection = sleeper(client).exec_run("cat", stdin=True, socket=True)
    connection._sock.sendall(b"typed\n")
    assert connection._sock.recv(100)[8:] == b"typed\n"
    connection._response.close()


def test_exec_detached_goes_on_and_inspect_tells_of_it(client: Any) -> None:
    it = sleeper(client)
    created = client.api.exec_create(it.id, ["sh", "-c", "until test -e /go; do sleep 0.02; done; exit 6"])
    client.api.exec_start(created["Id"], detach=True)
    first = client.api.exec_inspect(created["Id"])
    assert (first["Running"], first["ContainerID"], first["ExitCode"]) == (True, it.id, None)
    it.exec_run("touch /go")
    until(lambda: not client.api.exec_inspect(created["Id"])["Running"])
    assert client.api.exec_inspect(created["Id"])["ExitCode"] == 6
    assert client.api.exec_inspect(created["Id"])["ProcessConfig"]["entrypoint"] == "sh"


def test_exec_refusals(client: Any) -> None:
    it = sleeper(client)
    with pytest.raises(NotFound, match=r"(?i)no such exec instance: nosuch"):
        client.api.exec_start("nosuch")
    with pytest.raises(APIError) as refused:
        client.api.exec_create(it.id, [])
    assert refused.value.status_code == 400
    assert it.exec_run("/nosuch").exit_code in (126, 127)
    it.pause()
    with pytest.raises(APIError, match=r"(?i)is paused") as paused:
        it.exec_run("true")
    assert paused.value.status_code == 409
    it.unpause()
    it.stop(timeout=0)
    with pytest.raises(APIError, match=r"(?i)is not running") as stopped:
        it.exec_run("true")
    assert stopped.value.status_code == 409
