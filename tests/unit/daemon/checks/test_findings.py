"""What the checks read out of the host's own texts."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from fairlead.daemon.checks import cgroups, host, network, programs
from fairlead.daemon.checks.finding import State


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("crun version 1.8.1\ncommit: f8a0", (1, 8, 1)),
        ("conmon version 2.1.6\n", (2, 1, 6)),
        ("nftables v1.0.6 (Lester Gooch #5)", (1, 0, 6)),
        ("ps from procps-ng 4.0.2", (4, 0, 2)),
        ("no number here", ()),
    ],
)
def test_version_is_the_first_dotted_number(said: str, version: tuple[int, ...]) -> None:
    assert programs.parse_version(said) == version


def test_routes_name_the_taken_networks_and_leave_out_the_default_route() -> None:
    text = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    assert network.parse_routes(text) == [IPv4Network("172.17.0.0/16")]


def test_another_firewall_that_drops_forwarded_packets_is_named_and_ours_is_not() -> None:
    listing = (
        "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
        "table inet fairlead_0123abcd {\n\tchain forward {\n"
        "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
    )
    assert network.dropping_tables(listing, "0123abcd") == ["ip filter"]


def test_capabilities_come_from_the_effective_set() -> None:
    assert host.capabilities("Name:\tx\nCapPrm:\t00000000ffffffff\nCapEff:\t0000000000201000\n") == 1 << 21 | 1 << 12


def test_hybrid_cgroups_are_told_apart_from_pure_ones(tmp_path: Path) -> None:
    for controller in ("cpu", "memory", "pids", "unified"):
        (tmp_path / controller).mkdir()
    (tmp_path / "unified" / "cgroup.controllers").write_text("hugetlb\n")
    found = cgroups.findings(tmp_path)
    assert [(finding.name, finding.state, finding.detail.split(":")[0]) for finding in found] == [
        ("cgroup version", State.OK, "1 (hybrid)"),
        ("cgroup controllers", State.OK, "cpu memory pids"),
        ("hybrid cgroups", State.NOTE, "the v2 mount carries hugetlb"),
    ]


def test_a_host_without_cgroups_is_told_how_to_mount_them(tmp_path: Path) -> None:
    (finding,) = cgroups.findings(tmp_path)
    assert finding.state is State.MISSING
    assert finding.needed


def test_a_program_with_an_interpreter_is_not_static(tmp_path: Path) -> None:
    header = b"\x7fELF\x02\x01" + bytes(26) + (64).to_bytes(8, "little") + bytes(14) + b"\x38\x00\x01\x00" + bytes(6)
    (tmp_path / "dynamic").write_bytes(header + (3).to_bytes(4, "little") + bytes(52))
    (tmp_path / "static").write_bytes(header + (1).to_bytes(4, "little") + bytes(52))
    assert not programs.is_static(tmp_path / "dynamic")
    assert programs.is_static(tmp_path / "static")


def test_routes_of_others_over_a_network_of_ours_are_named() -> None:
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    rows = (
        ("fairlead0", "000011AC", "0000FFFF"), ("fl0123aabbccdd", "020011AC", "FFFFFFFF"),
        ("br-0123aabbccdd", "0000D20A", "00FFFFFF"), ("tun0", "0000D20A", "80FFFFFF"),
        ("tun0", "0000000A", "000000FF"), ("br-9999aabbccdd", "0001D20A", "00FFFFFF"), ("eth0", "00000000", "00000000"),
    )  # fmt: skip
    table = head + "".join(f"{device}\t{to}\t00000000\t1\t0\t0\t0\t{mask}\t0\t0\t0\n" for device, to, mask in rows)
    assert network.overlaid(table, "fairlead0", "0123abcd") == ["10.210.0.0/25 (tun0)"]
