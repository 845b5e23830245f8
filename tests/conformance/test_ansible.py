"""Ansible's community.docker: a second run of the same playbook finds nothing to change."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance import environments
from testbed.engine import CLEAN_ENV, Engine

pytestmark = [pytest.mark.root, pytest.mark.clients]

WEB = {
    "name": "web", "image": "training/webapp", "command": ["python", "app.py"], "pull": "never", "init": True,
    "env": {"A": "b", "C": "1"}, "labels": {"tier": "web"}, "published_ports": ["127.0.0.1:8099:5000"],
    "networks": [{"name": "app", "aliases": ["site"]}], "volumes": ["data:/data", "/etc:/host:ro"],
    "restart_policy": "on-failure", "restart_retries": 3, "memory": "64M", "cpu_shares": 512, "user": "0:0",
    "hostname": "site", "capabilities": ["NET_ADMIN"], "cap_drop": ["MKNOD"], "ulimits": ["nofile:1000:2000"],
    "log_driver": "json-file", "log_options": {"max-size": "1m"}, "tmpfs": ["/scratch"], "shm_size": "16M",
    "sysctls": {"net.core.somaxconn": "256"}, "etc_hosts": {"far.test": "203.0.113.9"}, "stop_timeout": 1,
    "healthcheck": {"test": ["CMD", "true"], "interval": "5s", "retries": 2}, "working_dir": "/tmp",
}  # fmt: skip

Play = Callable[..., dict[str, int]]


@pytest.fixture(scope="session")
def program() -> Path:
    return environments.make("ansible") / "ansible-playbook"


@pytest.fixture
def play(program: Path, shared_engine: Engine, tmp_path: Path) -> Play:
    """Runs tasks of community.docker and returns the numbers of the recap."""
    python = program.parent / "python"
    env = {**CLEAN_ENV, "HOME": str(tmp_path), "DOCKER_HOST": f"unix://{shared_engine.socket}",
           "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "1"}  # fmt: skip

    def run(*tasks: tuple[str, dict[str, Any]]) -> dict[str, int]:
        book = [{
            "hosts": "localhost", "connection": "local", "gather_facts": False,
            "vars": {"ansible_python_interpreter": str(python)},
            "tasks": [{f"community.docker.{module}": arguments} for module, arguments in tasks],
        }]  # fmt: skip
        path = tmp_path / "book.yml"
        path.write_text(json.dumps(book))
        argv = [str(program), "-i", "localhost,", "--diff", str(path)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=180, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        recap = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stdout.rpartition("RECAP")[2])}
        run.said = done.stdout  # type: ignore[attr-defined] # for the message of a failed claim
        return recap

    return run


def test_a_second_run_changes_nothing(play: Play, shared_engine: Engine) -> None:
    tasks = [
        ("docker_network", {"name": "app", "ipam_config": [{"subnet": "10.66.0.0/24"}], "labels": {"a": "b"}}),
        ("docker_volume", {"name": "data", "labels": {"a": "b"}}),
        ("docker_container", WEB),
    ]
    assert play(*tasks)["changed"] == 3
    first = shared_engine.inspect("web")["Id"]
    assert play(*tasks)["changed"] == 0, play.said  # type: ignore[attr-defined] # set by the run
    assert shared_engine.inspect("web")["Id"] == first


def test_a_difference_makes_it_anew_and_absence_removes_it(play: Play, shared_engine: Engine) -> None:
    web = {"name": "web", "image": "training/webapp", "pull": "never", "env": {"A": "1"}, "stop_timeout": 1}
    play(("docker_container", web))
    first = shared_engine.inspect("web")["Id"]
    assert play(("docker_container", {**web, "env": {"A": "2"}}))["changed"] == 1
    assert shared_engine.inspect("web")["Id"] != first
    assert play(("docker_container", {"name": "web", "state": "absent"}))["changed"] == 1
    assert play(("docker_container", {"name": "web", "state": "absent"}))["changed"] == 0


def test_states_are_kept(play: Play, shared_engine: Engine) -> None:
    web = {"name": "web", "image": "training/webapp", "pull": "never"}
    for state, status in (("present", "created"), ("started", "running"), ("stopped", "exited")):
        wanted = {**web, "state": state, "stop_timeout": 1}
        assert play(("docker_container", wanted))["changed"] == 1
        assert shared_engine.inspect("web")["State"]["Status"] == status
        assert play(("docker_container", wanted))["changed"] == 0


def test_links_between_containers(play: Play, shared_engine: Engine) -> None:
    db = {"name": "db", "image": "training/postgres", "pull": "never"}
    web = {"name": "web", "image": "training/webapp", "pull": "never", "links": ["db:store"]}
    tasks = [("docker_container", db), ("docker_container", web)]
    assert play(*tasks)["changed"] == 2
    assert play(*tasks)["changed"] == 0
    assert shared_engine.inspect("web")["HostConfig"]["Links"] == ["/db:/web/store"]


def test_exec_copy_and_facts(play: Play) -> None:
    web = {"name": "web", "image": "training/webapp", "pull": "never"}
    play(("docker_container", web))
    # Ansible blanks out the content wherever it stands in an answer: so let it be no single letter.
    into = {"container": "web", "content": "what is copied", "container_path": "/x", "mode": 0o644}
    copy = ("docker_container_copy_into", into)
    assert play(("docker_container_exec", {"container": "web", "command": "true"}))["ok"] == 1
    assert play(("docker_host_info", {"containers": True, "images": True, "disk_usage": True}))["ok"] == 1
    assert play(copy)["changed"] == 1
    assert play(copy)["changed"] == 0
