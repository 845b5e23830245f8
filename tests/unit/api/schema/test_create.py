"""Create bodies: what docker's clients send becomes a request, what is wrong gets Docker's words."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.api.schema import container as schema
from fairlead.errors import InvalidParameter
from fairlead.model.container import HostConfig, Port, PortBinding, ReadOnlyBelow
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
    assert host.log_config.type == ""  # the daemon's
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
        ({"Healthcheck": {"Test": ["CMD"], "Interval": 1000}}, {}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"Healthcheck": {"StartInterval": 999_999}}, {}, "StartInterval in Healthcheck cannot be less than 1ms"),
        ({"Healthcheck": {"Timeout": -1}}, {}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"Healthcheck": {"Retries": -1}}, {}, "Retries in Healthcheck cannot be negative"),
        ({"Healthcheck": {"Test": ["SHELL", "x"]}}, {}, 'Unknown healthcheck type "SHELL" (expected "CMD")'),
        ({}, {"PidMode": "container:"}, "invalid PID mode: container:"),
        ({}, {"UTSMode": "container:x"}, "invalid UTS mode: container:x"),
        ({}, {"UsernsMode": "remap"}, "invalid userns mode: remap"),
        ({}, {"CgroupnsMode": "x"}, "invalid cgroup namespace mode: x"),
        ({"Hostname": "h"}, {"UTSMode": "host"}, "conflicting options: hostname and the UTS mode"),
        ({}, {"OomScoreAdj": 1001}, "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
        ({}, {"ShmSize": -1}, "SHM size can not be less than 0"),
        ({}, {"Memory": 2**24, "MemoryReservation": 2**25},
         "Minimum memory limit can not be less than memory reservation limit, see usage"),
        ({}, {"MemorySwap": 2**24}, "You should always set the Memory limit when using Memoryswap limit, see usage"),
        ({}, {"MemorySwappiness": 101}, "Invalid value: 101, valid memory swappiness range is 0-100"),
        ({}, {"NanoCpus": 10**9, "CpuQuota": 5000},
         "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
        ({}, {"NanoCpus": 10**9, "CpuPeriod": 5000},
         "Conflicting options: Nano CPUs and CPU Period cannot both be set"),
        ({}, {"CpuPeriod": 10},
         "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"),
        ({}, {"CpuQuota": 10}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ({}, {"CpusetCpus": "2-1"}, "Invalid value 2-1 for cpuset cpus"),
        ({}, {"CpusetMems": "a"}, "Invalid value a for cpuset mems"),
        ({}, {"BlkioWeight": 5}, "Range of blkio weight is from 10 to 1000"),
        ({}, {"BlkioDeviceReadBps": [{"Path": "sda", "Rate": 1}]}, "bad format for device path: sda"),
        ({}, {"IOMaximumIOps": 1},
         "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps"),
        ({}, {"Ulimits": [{"Name": "files", "Soft": 1, "Hard": 1}]}, "invalid ulimit type: files"),
        ({}, {"Ulimits": [{"Name": "nofile", "Soft": 2, "Hard": 1}]},
         "ulimit soft limit must be less than or equal to hard limit: 2 > 1"),
        ({}, {"RestartPolicy": {"Name": "no", "MaximumRetryCount": -2}},
         "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative"),
        ({}, {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": -2}},
         "invalid restart policy: maximum retry count cannot be negative"),
        ({}, {"LogConfig": {"Type": "json-file", "Config": {"max-files": "1"}}},
         "unknown log opt 'max-files' for json-file log driver"),
        ({}, {"LogConfig": {"Type": "local", "Config": {"tag": "x"}}}, "unknown log opt 'tag' for log driver local"),
        ({}, {"LogConfig": {"Config": {"max-file": "0"}}}, "max-file cannot be less than 1"),
        ({}, {"LogConfig": {"Config": {"max-size": "ten"}}}, "invalid size: 'ten'"),
        ({}, {"LogConfig": {"Config": {"max-size": "0m"}}}, "max-size must be a positive number"),
        ({}, {"LogConfig": {"Config": {"compress": "true"}}},
         "compress cannot be true when max-file is less than 2 or max-size is not set"),
        ({}, {"LogConfig": {"Config": {"tag": "{{.Name"}}}, "template: log-tag:1: unclosed action"),
        ({}, {"LogConfig": {"Config": {"tag": "{{.Nome}}"}}},
         "template: log-tag: {{.Nome}} is none of Command, DaemonName, FullID, ID, ImageFullID, ImageID, ImageName, "
         "Name"),
        ({}, {"SecurityOpt": ['seccomp={"defaultAction":"x","syscalls":[{"name":"a","names":["b"]}]}']},
         "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'"),
        ({}, {"LogConfig": {"Config": {"mode": "x"}}}, "logger: logging mode not supported: x"),
        ({}, {"SecurityOpt": ["nonsense"]}, 'invalid --security-opt 1: "nonsense"'),
        ({}, {"SecurityOpt": ["no-new-privileges=perhaps"]}, 'invalid --security-opt 2: "no-new-privileges=perhaps"'),
        ({}, {"SecurityOpt": ["selinux=x"]}, 'invalid --security-opt 2: "selinux=x"'),
        ({}, {"DeviceCgroupRules": ["c 1:x rwm"]}, "invalid device cgroup rule format: 'c 1:x rwm'"),
        ({}, {"Devices": [{"PathOnHost": "/dev/null", "CgroupPermissions": "x"}]}, "invalid device mode: x"),
        ({}, {"DeviceRequests": [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]},
         'could not select device driver "" with capabilities: [[gpu]]'),
        ({}, {"DeviceRequests": [{"Capabilities": [None, []]}]},
         'could not select device driver "" with capabilities: [[] []]'),
        ({}, {"DeviceRequests": [{"Capabilities": [7]}]},
         "invalid JSON: json: cannot unmarshal number 7 into Go struct field DeviceRequests.Capabilities of type "
         "[]string"),
        ({}, {"DeviceRequests": [{"Capabilities": True}]},
         "invalid JSON: json: cannot unmarshal bool into Go struct field DeviceRequests.Capabilities of type "
         "[][]string"),
        ({}, {"Sysctls": {"vm.swappiness": "1"}}, "sysctl 'vm.swappiness' is not allowed"),
        ({}, {"Sysctls": {"net.ipv4.ip_forward": "1"}, "NetworkMode": "host"},
         'sysctl "net.ipv4.ip_forward" not allowed in host network namespace'),
        ({}, {"Isolation": "hyperv"}, "invalid isolation 'hyperv' on linux"),
        ({}, {"Annotations": {"": "x"}},
         "invalid Annotations: the empty string is not permitted as an annotation key"),
        ({}, {"Mounts": [{"Type": "volume", "Target": "/a", "BindOptions": {}}]},
         'invalid mount config for type "volume": field BindOptions must not be specified'),
        ({}, {"Mounts": [{"Type": "tmpfs", "Target": "/a", "Source": "x"}]},
         'invalid mount config for type "tmpfs": field Source must not be specified'),
        ({}, {"Mounts": [{"Type": "tmpfs", "Target": "/a", "TmpfsOptions": {"Options": [["suid"]]}}]},
         'invalid mount config for type "tmpfs": invalid option: suid'),
    ],
)  # fmt: skip
def test_refusals_in_docker_words(config: dict[str, Any], host: dict[str, Any], message: str | None) -> None:
    told = _refusal(**config, HostConfig=host)
    if message is None:
        assert told.startswith("range of CPUs is from 0.01 to ")
    else:
        assert told == message


def test_a_seccomp_profile_must_be_one() -> None:
    assert _refusal(HostConfig={"SecurityOpt": ["seccomp={"]}).startswith("Decoding seccomp profile failed: ")


def _at(version: tuple[int, int], **host: Any) -> HostConfig:
    body = {"Image": "busybox", "HostConfig": host}
    return schema.parse_create(body, name="", platform="", version=version).host_config


def test_what_came_later_is_ignored_for_clients_of_older_versions() -> None:
    bind = {"Type": "bind", "Source": "/", "Target": "/x", "ReadOnly": True}
    options = {"NonRecursive": True, "CreateMountpoint": True, "ReadOnlyForceRecursive": True}
    old, new = ((_at(v, Mounts=[{**bind, "BindOptions": options}]).mounts[0]) for v in ((1, 39), (1, 44)))
    assert (old.recursive, old.create_source, old.read_only_below) == (True, False, ReadOnlyBelow.NEVER)
    assert (new.recursive, new.create_source, new.read_only_below) == (False, True, ReadOnlyBelow.ALWAYS)
    assert not _at((1, 24), AutoRemove=True).auto_remove
    assert _at((1, 25), AutoRemove=True).auto_remove
    assert (_at((1, 39)).ipc_mode, _at((1, 40)).ipc_mode) == ("shareable", "")
    assert _at((1, 40)).cgroupns_mode == "host"
    assert _at((1, 42), Annotations={"a": "b"}).annotations == {}


def test_several_networks_at_create_came_with_1_44() -> None:
    body = {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"a": None, "b": None}}}
    assert len(schema.parse_create(body, name="", platform="", version=(1, 44)).endpoints) == 2
    with pytest.raises(InvalidParameter, match="Container cannot be created with multiple network endpoints: a, b"):
        schema.parse_create(body, name="", platform="", version=(1, 43))


def test_members_that_have_had_their_day_are_remarked() -> None:
    request = _parse(MacAddress="02:42:ac:11:00:09", HostConfig={"KernelMemory": 2**23})
    assert [text.split(" field ")[0] for text in request.remarks] == [
        "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. "
        "Limitation discarded.",
        "The container-wide MacAddress",
    ]


def test_scoped_aliases_and_addresses_need_a_network_of_ones_own() -> None:
    networking = {"EndpointsConfig": {"bridge": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "1.2.3"}}}}
    assert _refusal(NetworkingConfig=networking) == (
        "invalid config for network bridge: invalid endpoint settings:\n"
        "* user specified IP address is supported on user defined networks only\n"
        "* network-scoped alias is supported only for containers in user defined networks\n"
        "* invalid IPv4 address: 1.2.3"
    )
    own = _parse(NetworkingConfig={"EndpointsConfig": {"mine": {"Aliases": ["a"]}}})
    assert own.endpoints["mine"].aliases == ("a",)


@pytest.mark.parametrize("signal", ["9", "KILL", "SIGTERM", "sigint", "SIGRTMIN+3", "RTMAX-2"])
def test_signals_that_exist(signal: str) -> None:
    assert _parse(StopSignal=signal).config.stop_signal == signal
