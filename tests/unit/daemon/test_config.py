from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from fairlead.daemon import config
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
