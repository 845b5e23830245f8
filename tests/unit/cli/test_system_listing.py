"""`version`, `info` and events in docker's shapes."""

from __future__ import annotations

from typing import Any

from fairlead.cli.listings import system

CLIENT = {
    "Version": "0.1.0", "ApiVersion": "1.50", "DefaultAPIVersion": "1.50", "PythonVersion": "3.11.2", "Os": "linux",
    "Arch": "amd64", "Context": "default",
}  # fmt: skip
EVENT: dict[str, Any] = {
    "status": "create", "id": "abc", "from": "bb:1", "Type": "container", "Action": "create", "scope": "local",
    "Actor": {"ID": "abc", "Attributes": {"name": "web", "image": "bb:1"}}, "time": 0, "timeNano": 123456000,
}  # fmt: skip


def test_an_event_is_a_line() -> None:
    line = system.event(EVENT)
    assert line.endswith(" container create abc (image=bb:1, name=web)\n")
    assert ".123456000" in line


def test_version_without_a_daemon_is_the_client_alone() -> None:
    assert system.version(CLIENT, None).splitlines()[:3] == [
        "Client:",
        " Version:           0.1.0",
        " API version:       1.50",
    ]
    assert "Server" not in system.version(CLIENT, None)


def test_info_lists_facts_in_dockers_order() -> None:
    facts = {
        "Containers": 3, "ContainersRunning": 1, "ContainersPaused": 0, "ContainersStopped": 2, "Images": 4,
        "ServerVersion": "0.1.0", "Driver": "overlay2", "DriverStatus": [["Supports d_type", "true"]],
        "MemTotal": 25000000000, "SecurityOptions": ["name=seccomp,profile=builtin"], "Warnings": ["WARNING: x"],
        "Runtimes": {"crun": {}}, "Labels": ["a=b"],
        "RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": ["127.0.0.0/8"]},
    }  # fmt: skip
    text, warnings = system.info(CLIENT, facts)
    assert warnings == "WARNING: x\n"
    for line in (
        "  Supports d_type: true",
        "  seccomp\n   Profile: builtin",
        " Total Memory: 23.28GiB",
        " Labels:\n  a=b",
    ):
        assert line in text
