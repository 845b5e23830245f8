"""Facts that clients and their tests rely on."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integration.config.harness import create, output, running
from testbed.engine import Engine, until

pytestmark = pytest.mark.root


def test_the_files_of_the_layout_are_the_very_files_inside(shared_engine: Engine) -> None:
    with running(shared_engine, {"Binds": ["named:/v"]}) as container:
        shown = shared_engine.inspect(container)
        base = Path(shared_engine.json("GET", "/info")["DockerRootDir"])
        for name, member in (("hosts", "HostsPath"), ("hostname", "HostnamePath"), ("resolv.conf", "ResolvConfPath")):
            path = base / "containers" / container / name
            assert shown[member] == str(path)
            inside = shared_engine.do("exec", container, "stat", "-c", "%d:%i", f"/etc/{name}")
            assert inside == f"{path.stat().st_dev}:{path.stat().st_ino}"
        assert shared_engine.do("exec", container, "stat", "-c", "%i", "/v") == str(
            (base / "volumes/named/_data").stat().st_ino)  # fmt: skip


def test_the_host_s_hosts_file_byte_for_byte(shared_engine: Engine) -> None:
    text = output(shared_engine, "cat /etc/hosts", {"NetworkMode": "host"})
    assert text == Path("/etc/hosts").read_text().rstrip("\n")


def test_an_internal_network_says_unreachable(shared_engine: Engine) -> None:
    shared_engine.json("POST", "/networks/create", {"Name": "inside", "Internal": True})
    text = output(shared_engine, "ping -c1 -W1 198.51.100.2 2>&1", {"NetworkMode": "inside"})
    assert "Network is unreachable" in text


def test_a_removal_under_way_is_told_and_not_waited_for(shared_engine: Engine) -> None:
    container = create(shared_engine, "sleep 1000")
    shared_engine.json("POST", f"/containers/{container}/start")
    first = shared_engine.inspect(container)["State"]["Pid"]
    monitor = int((shared_engine.exec_root / f"containers/{container}/conmon.pid").read_text())
    os.kill(monitor, signal.SIGSTOP)  # so that the end cannot be seen yet
    with ThreadPoolExecutor(1) as pool:
        removal = pool.submit(shared_engine.api, "DELETE", f"/containers/{container}?force=1")
        until(lambda: _is_dead(first))
        status, answer = shared_engine.api("DELETE", f"/containers/{container}?force=1")
        os.kill(monitor, signal.SIGCONT)
        assert removal.result()[0] == 204
    assert (status, json.loads(answer)["message"]) == (409, f"removal of container {container} is already in progress")


def _is_dead(pid: int) -> bool:
    """Ended, if nobody has seen it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_one_that_removes_itself_is_gone_when_the_wait_ends(shared_engine: Engine) -> None:
    container = create(shared_engine, "exit 5", {"AutoRemove": True})
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(shared_engine.json, "POST", f"/containers/{container}/wait?condition=removed")
        until(lambda: not ended.done())
        shared_engine.json("POST", f"/containers/{container}/start")
        assert ended.result()["StatusCode"] == 5
    assert shared_engine.json("GET", "/containers/json?all=1") == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"Image":5}', b'{"Image":"box"} x', b"null", b"\xff"])
def test_broken_json_is_the_client_s_fault(shared_engine: Engine, body: bytes) -> None:
    import http.client
    import socket

    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(shared_engine.socket))
    connection.request("POST", "/containers/create", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 400
    assert json.loads(answer.read())["message"]
    connection.close()


def test_streams_are_named_by_version(shared_engine: Engine) -> None:
    with running(shared_engine) as container:
        for version, kind in (("1.41", "raw-stream"), ("1.42", "multiplexed-stream")):
            head = _head(shared_engine, f"/v{version}/containers/{container}/logs?stdout=1")
            assert f"application/vnd.docker.{kind}" in head


def _head(engine: Engine, path: str) -> str:
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(engine.socket))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection.recv(4096).decode()


def test_a_start_takes_no_body(shared_engine: Engine) -> None:
    container = create(shared_engine, "true")
    status, answer = shared_engine.api("POST", f"/containers/{container}/start", {"Binds": []})
    text = "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
    assert (status, json.loads(answer)["message"]) == (400, text)


def test_an_image_has_no_members_of_containers_since_1_50(shared_engine: Engine) -> None:
    old, new = (shared_engine.json("GET", f"/v{version}/images/box/json")["Config"] for version in ("1.49", "1.50"))
    assert "Hostname" in old
    assert "Hostname" not in new
    assert new["Cmd"] == old["Cmd"]


def test_programs_know_that_they_are_in_a_container(shared_engine: Engine) -> None:
    with running(shared_engine) as container:
        assert shared_engine.do("exec", container, "stat", "-c", "%s", "/.dockerenv") == "0"
        shared_engine.do("exec", container, "rm", "/.dockerenv")
    assert output(shared_engine, "ls -d /.dockerenv") == "/.dockerenv"  # of another, it is another's
