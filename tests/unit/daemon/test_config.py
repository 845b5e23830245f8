from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from fairlead.daemon import config, reload
from fairlead.model.container import Ulimit
from fairlead.model.settings import AddressPool, Settings

NOWHERE = Path("/nosuch/daemon.toml")


def parse(*argv: str, file: Path = NOWHERE) -> Settings:
    return config.parse(argv, default_file=file)


def test_nothing_given_is_the_defaults() -> None:
    assert parse() == Settings()


def test_flags() -> None:
    given = parse(
        "-H", "unix:///x/s", "--data-root", "/x/data", "--bridge", "br9", "--bip", "10.9.0.1/24", "--icc",
        "--ip=127.0.0.1", "--default-address-pool", "base=10.8.0.0/16,size=24", "--link-environment=false",
    )  # fmt: skip
    assert given == Settings(
        host="unix:///x/s", data_root=Path("/x/data"), bridge="br9", bip=IPv4Interface("10.9.0.1/24"), icc=True,
        host_ip=IPv4Address("127.0.0.1"), pools=(AddressPool(IPv4Network("10.8.0.0/16"), 24),), link_environment=False,
    )  # fmt: skip


def test_the_file_has_the_same_names_and_flags_win(tmp_path: Path) -> None:
    file = tmp_path / "daemon.toml"
    file.write_text('bridge = "br1"\nicc = true\nmtu = 1400\ndns = ["9.9.9.9"]\n'
                    'default-address-pool = [{base = "10.8.0.0/16", size = 24}]\n')  # fmt: skip
    given = parse("--bridge", "br2", file=file)
    assert (given.bridge, given.icc, given.mtu, given.dns) == ("br2", True, 1400, ("9.9.9.9",))
    assert given.pools == (AddressPool(IPv4Network("10.8.0.0/16"), 24),)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--bip", "10.0.0.0/24"], "--bip: '10.0.0.0/24' is not an address within a subnet"),
        (["--icc=maybe"], "--icc: 'maybe' is neither true nor false"),
        (["--data-root", "relative"], "--data-root: 'relative' must be an absolute path"),
        (["--default-address-pool", "10.0.0.0/8"], "--default-address-pool: "),
        (["--host", "tcp://0.0.0.0:2375"], "--host: "),
        (["--bridge", "name-longer-than-allowed"], "--bridge: "),
    ],
)
def test_what_cannot_be_is_said(argv: list[str], text: str) -> None:
    with pytest.raises(config.ConfigError) as refused:
        parse(*argv)
    assert str(refused.value).startswith(text)


def test_an_unknown_name_in_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "daemon.toml").write_text("brigde = 'x'\n")
    with pytest.raises(config.ConfigError, match="unknown setting 'brigde'"):
        parse(file=tmp_path / "daemon.toml")


def test_dockers_daemon_json_is_read(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    file.write_text(json.dumps({
        "hosts": ["unix:///x/s"], "log-driver": "local", "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 32000}}, "live-restore": False,
        "default-address-pools": [{"base": "10.8.0.0/16", "size": 24}], "dns-opts": ["ndots:1"], "labels": ["a=b"],
        "registry-mirrors": ["https://m.example"], "default-shm-size": "128M", "shutdown-timeout": 5, "init": True,
        "exec-opts": ["native.cgroupdriver=cgroupfs"], "storage-driver": "overlay2", "fixed-cidr": "10.9.8.0/24",
    }))  # fmt: skip
    assert parse("--config-file", str(file)) == Settings(
        host="unix:///x/s", log_driver="local", log_options=(("max-size", "10m"), ("max-file", "3")),
        default_ulimits=(Ulimit("nofile", 32000, 64000),), stop_containers_on_exit=True, dns_options=("ndots:1",),
        pools=(AddressPool(IPv4Network("10.8.0.0/16"), 24),), labels=("a=b",), registry_mirrors=("https://m.example",),
        shm_size_bytes=128 << 20, shutdown_timeout_s=5, init=True, fixed_cidr=IPv4Network("10.9.8.0/24"),
        bip=IPv4Interface("10.9.8.1/24"),
    )  # fmt: skip
    assert parse(file=tmp_path / "daemon.toml").log_driver == "local"  # found where the other would be


@pytest.mark.parametrize(
    ("text", "argv", "why"),
    [
        (
            '{"dns-servers": [], "mut": 3}',
            [],
            "the following directives don't match any configuration option: dns-servers, mut",
        ),
        (
            '{"debug": true, "mtu": 1400}',
            ["--debug=false"],
            "both as a flag and in the configuration file: debug: (from flag: false, from file: true)",
        ),
        ('{"debug": true, "debug": false}', [], "'debug' is given twice"),
        ('{"label": ["a=b"], "labels": ["c=d"]}', [], "label is given twice"),
        ("[1]", [], "no object"),
        ('{"storage-driver": "btrfs"}', [], "storage-driver: 'btrfs' cannot be had, only overlay2"),
        ('{"exec-opts": ["native.cgroupdriver=systemd"]}', [], "only native.cgroupdriver=cgroupfs"),
        (
            '{"default-ulimits": {"nofile": {"Hard": 1, "Soft": 2}}}',
            [],
            "must be less than or equal to hard limit: 2 > 1",
        ),
        ('{"log-opts": {"tag": "x"}, "log-driver": "local"}', [], "unknown log opt 'tag' for log driver local"),
        ('{"log-driver": "splunk"}', [], "no log driver named 'splunk' is registered"),
        ('{"bip": "10.0.0.1/24", "fixed-cidr": "10.1.0.0/25"}', [], "10.1.0.0/25 is no part of the bridge's subnet"),
        ('{"mtu": [1400, 1500]}', [], "one value, not a list"),
    ],
)
def test_what_cannot_be_in_dockers_file_is_said(tmp_path: Path, text: str, argv: list[str], why: str) -> None:
    (tmp_path / "daemon.json").write_text(text)
    with pytest.raises(config.ConfigError) as refused:
        parse("--config", str(tmp_path / "daemon.json"), *argv)
    assert why in str(refused.value)


def test_two_files_are_one_too_many(tmp_path: Path) -> None:
    for name in ("daemon.json", "daemon.toml"):
        (tmp_path / name).write_text("")
    with pytest.raises(config.ConfigError, match="which is meant"):
        parse(file=tmp_path / "daemon.toml")


def test_a_reload_takes_what_can_change_and_nothing_of_a_file_that_cannot_be() -> None:
    now = Settings(labels=("a=b",), bridge="br0")
    fresh = Settings(labels=("c=d",), bridge="br1", shutdown_timeout_s=3)
    assert reload.merge(now, lambda: fresh) == replace(now, labels=("c=d",), shutdown_timeout_s=3)

    def broken() -> Settings:
        raise config.ConfigError("no")

    assert reload.merge(now, broken) == now
