"""Create bodies: what docker's clients send becomes a request, what is wrong gets Docker's words."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.api.schema import container as schema
from fairlead.errors import InvalidParameter
from fairlead.model.container import Port, PortBinding
from fairlead.model.request import CreateRequest


def _parse(**body: Any) -> CreateRequest:
    return schema.parse_create({"Image": "busybox", **body}, name="", platform="")


def _refusal(**body: Any) -> str:
    with pytest.raises(InvalidParameter) as caught:
        _parse(**body)
    return caught.value.message


def test_the_body_of_docker_run_without_network() -> None:
    """Recorded from the docker CLI 28.2.2."""
    request = _parse(
        Hostname="", AttachStdin=False, Tty=False, Env=None, Cmd=["echo", "hi"], Entrypoint=None, Volumes={},
        Labels={}, OnBuild=None, ExposedPorts={"5000/tcp": {}},
        HostConfig={
            "Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": {}}, "NetworkMode": "default",
            "PortBindings": {"5000/tcp": [{"HostIp": "", "HostPort": "80"}]},
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "ConsoleSize": [24, 80], "Links": ["db:webdb"],
            "Dns": [], "MemorySwappiness": -1, "OomKillDisable": False, "PidsLimit": 0, "BlkioDeviceReadBps": [],
            "MaskedPaths": None, "ReadonlyPaths": None,
        },
        NetworkingConfig={"EndpointsConfig": {"default": {"IPAMConfig": None, "Links": None, "Aliases": None}}},
    )  # fmt: skip
    host = request.host_config
    assert host.network_mode == "bridge"
    assert list(request.endpoints) == ["bridge"]
    assert host.port_bindings == {Port(5000): (PortBinding("", "80"),)}
    assert host.memory_swappiness is None
    assert host.console_size == (24, 80)
    assert host.log_config.type == "json-file"
    assert host.links == ("db:webdb",)
    assert request.config.cmd == ("echo", "hi")
    assert request.config.entrypoint is None
    assert request.name is None


def test_members_match_in_any_case_and_commands_may_be_one_string() -> None:
    request = schema.parse_create({"image": "busybox", "CMD": "true", "Entrypoint": [""]}, name="n", platform="")
    assert (request.config.image, request.config.cmd, request.config.entrypoint) == ("busybox", ("true",), ("",))


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"aa80": [{}]}, 'invalid port specification: "aa80"'),
        ({"80/tcp": [{"HostPort": "aa80"}]}, 'invalid port specification: "aa80"'),
        ({"19039;1230": [{}]}, 'invalid port specification: "19039;1230"'),
        ({"70000/tcp": None}, 'invalid port specification: "70000/tcp"'),
        ({"80/tcp": [{"HostPort": "9000-8000"}]}, 'invalid port specification: "9000-8000"'),
        ({"80/icmp": []}, 'invalid port specification: "80/icmp"'),
    ],
)
def test_bad_ports(ports: dict[str, Any], message: str) -> None:
    assert _refusal(HostConfig={"PortBindings": ports}) == message


def test_host_ports_may_be_ranges_and_empty() -> None:
    wishes = {"80/udp": [{"HostIp": "::1", "HostPort": "8000-8010"}, {"HostPort": ""}], "81": None}
    assert _parse(HostConfig={"PortBindings": wishes}).host_config.port_bindings == {
        Port(80, "udp"): (PortBinding("::1", "8000-8010"), PortBinding()),
        Port(81): (),
    }


@pytest.mark.parametrize("link", ["db", "db:sql", "/db:/web/sql", "4f66ad9a0b2e:alias"])
def test_links_are_kept_as_written(link: str) -> None:
    assert _parse(HostConfig={"Links": [link]}).host_config.links == (link,)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("a:b:c", "bad format for links: a:b:c"),
        ("", "empty string specified for links"),
        ("db:", "bad format for links: db:"),
        (":db", "bad format for links: :db"),
        ("db:../x", "bad format for links: db:../x"),
        ("db:a b", "bad format for links: db:a b"),
    ],
)
def test_bad_links(link: str, message: str) -> None:
    assert _refusal(HostConfig={"Links": [link]}) == message


NO_LINKS = "This would result in undefined behavior"


@pytest.mark.parametrize(
    ("config", "host", "message"),
    [
        ({}, {"NetworkMode": "host", "Links": ["db"]},
         f"conflicting options: host type networking can't be used with links. {NO_LINKS}"),
        ({}, {"NetworkMode": "container:x", "Links": ["db"]},
         f"conflicting options: container type network can't be used with links. {NO_LINKS}"),
        ({"Hostname": "h"}, {"NetworkMode": "container:x"}, "conflicting options: hostname and the network mode"),
        ({}, {"NetworkMode": "container:x", "Dns": ["1.1.1.1"]}, "conflicting options: dns and the network mode"),
        ({}, {"NetworkMode": "container:x", "ExtraHosts": ["a:1.1.1.1"]},
         "conflicting options: custom host-to-IP mapping and the network mode"),
        ({}, {"NetworkMode": "container:x", "PublishAllPorts": True},
         "conflicting options: port publishing and the container type network mode"),
        ({"ExposedPorts": {"80/tcp": {}}}, {"NetworkMode": "container:x"},
         "conflicting options: port exposing and the container type network mode"),
        ({}, {"NetworkMode": "container:"}, "invalid network mode: invalid container format container:<name|id>"),
        ({}, {"ExtraHosts": ["nope"]}, 'bad format for add-host: "nope"'),
        ({}, {"ExtraHosts": ["a:b"]}, 'invalid IP address in add-host: "b"'),
        ({}, {"Memory": 1024}, "Minimum memory limit allowed is 6MB"),
        ({}, {"Memory": -5}, "Minimum memory limit allowed is 6MB"),
        ({}, {"Memory": 2**24, "MemorySwap": 2**23},
         "Minimum memoryswap limit should be larger than memory limit, see usage"),
        ({}, {"RestartPolicy": {"Name": "sometimes"}},
         "invalid restart policy: unknown policy 'sometimes'; "
         "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
        ({}, {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 3}},
         "invalid restart policy: maximum retry count can only be used with 'on-failure'"),
        ({}, {"RestartPolicy": {"Name": "always"}, "AutoRemove": True},
         "can't create 'AutoRemove' container with restart policy"),
        ({}, {"NanoCpus": 10**12}, None),
        ({}, {"LogConfig": {"Type": "carrier-pigeon"}},
         "logger: no log driver named 'carrier-pigeon' is registered"),
        ({}, {"Runtime": "kata"}, "unknown or invalid runtime name: kata"),
        ({}, {"IpcMode": "x"}, "invalid IPC mode: x"),
        ({"WorkingDir": "tmp"}, {},
         "the working directory 'tmp' is invalid, it needs to be an absolute path"),
        ({"StopSignal": "SIGNOPE"}, {}, "invalid signal: SIGNOPE"),
        ({"Env": ["=x"]}, {}, "invalid environment variable: =x"),
        ({"Healthcheck": {"Test": ["CMD"], "Interval": 1000}}, {}, "interval in Healthcheck cannot be less than 1ms"),
    ],
)  # fmt: skip
def test_refusals_in_docker_words(config: dict[str, Any], host: dict[str, Any], message: str | None) -> None:
    told = _refusal(**config, HostConfig=host)
    if message is None:
        assert told.startswith("range of CPUs is from 0.01 to ")
    else:
        assert told == message


def test_scoped_aliases_and_addresses_need_a_network_of_ones_own() -> None:
    networking = {"EndpointsConfig": {"bridge": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "1.2.3"}}}}
    assert _refusal(NetworkingConfig=networking) == (
        "invalid config for network bridge: invalid endpoint settings:\n"
        "invalid IPv4 address: 1.2.3\n"
        "user specified IP address is supported on user defined networks only\n"
        "network-scoped alias is supported only for containers in user defined networks"
    )
    own = _parse(NetworkingConfig={"EndpointsConfig": {"mine": {"Aliases": ["a"]}}})
    assert own.endpoints["mine"].aliases == ("a",)


@pytest.mark.parametrize("signal", ["9", "KILL", "SIGTERM", "sigint", "SIGRTMIN+3", "RTMAX-2"])
def test_signals_that_exist(signal: str) -> None:
    assert _parse(StopSignal=signal).config.stop_signal == signal
