"""The messages that make macvlan, ipvlan, VLAN and dummy devices, byte for byte those of ip(8); names of VLANs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairlead.errors import SystemFailure
from fairlead.model.container import Endpoint, EndpointRequest
from fairlead.model.network import Network
from fairlead.network import netlink, sublinks

PARENT = 3
HEAD = "10000506" + "00000000" * 6  # RTM_NEWLINK, REQUEST|ACK|EXCL|CREATE, sequence, port; ifinfomsg of nobody
MAC, MTU = "0a00010002420a0000020000", "0800040078050000"
UPON, CALLED = "0800050003000000", "090003006574683000000000"
NETNS = "08001c0009000000"


def words(message: bytes) -> str:
    """The message behind its length. (Its sequence number is 0: answers come in the order of the requests.)"""
    assert int.from_bytes(message[:4], "little") == len(message)
    return message[4:].hex()


def network(driver: str, mode: str, flag: str = "", mtu: int = 0) -> Network:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return Network(id="n", name="lan", driver=driver, created=created, parent="uplink", mode=mode, flag=flag, mtu=mtu)


def end(mac: str = "") -> Endpoint:
    return Endpoint(
        id="e", network_id="n", network_name="lan", request=EndpointRequest(), interface="eth0", mac_address=mac
    )


# What `ip link add link uplink name eth0 [address …] [mtu …] type …` sends (iproute2 6.1), from behind the header.
@pytest.mark.parametrize(
    ("made", "info", "mac", "mtu"),
    [
        (network("macvlan", "bridge"), "1c0012000b0001006d6163766c616e000c0002000800010004000000", True, False),
        (
            network("macvlan", "private", mtu=1400),
            "1c0012000b0001006d6163766c616e000c0002000800010001000000",
            True,
            True,
        ),
        (network("macvlan", "vepa"), "1c0012000b0001006d6163766c616e000c0002000800010002000000", False, False),
        (network("macvlan", "passthru"), "1c0012000b0001006d6163766c616e000c0002000800010008000000", False, False),
        (
            network("ipvlan", "l2", "bridge"),
            "240012000a0001006970766c616e00001400020006000100000000000600020000000000",
            False,
            False,
        ),
        (
            network("ipvlan", "l3s", "vepa"),
            "240012000a0001006970766c616e00001400020006000100020000000600020002000000",
            False,
            False,
        ),
        (
            network("ipvlan", "l3", "private"),
            "240012000a0001006970766c616e00001400020006000100010000000600020001000000",
            False,
            False,
        ),
    ],
    ids=lambda value: f"{value.driver}-{value.mode}" if isinstance(value, Network) else None,
)
def test_a_members_device_is_asked_for_as_ip_does(made: Network, info: str, *, mac: bool, mtu: bool) -> None:
    message = sublinks.member(made, end("02:42:0a:00:00:02" if mac else ""), PARENT, 9)
    expected = HEAD
    expected += (MAC if mac else "") + (MTU if mtu else "") + NETNS + UPON + CALLED + info
    assert words(message) == expected


def test_a_vlan_is_asked_for_as_ip_does() -> None:
    said = "08000500030000000e00030075706c696e6b2e35300000001800120008000100766c616e0c0002000600010032000000"
    assert words(sublinks.vlan("uplink.50", PARENT, 50)) == HEAD + said


def test_a_dummy_is_asked_for_as_ip_does() -> None:
    said = "09000300646d2d7800000000100012000900010064756d6d79000000"
    assert words(netlink.add_device("dummy", "dm-x")) == HEAD + said


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nosuch", "invalid subinterface vlan name nosuch, example formatting is eth0.10"),
        ("a.1.2", "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received a.1.2"),
        ("lo.x", "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"),
        ("nosuch.5", "-o parent interface was not found on the host: nosuch"),
        ("lo.4095", "vlan id must be between 1-4094, received: 4095"),
        ("lo.0", "vlan id must be between 1-4094, received: 0"),
    ],
)
def test_a_name_that_is_no_vlan_is_refused_in_dockers_words(name: str, complaint: str) -> None:
    with pytest.raises(SystemFailure) as refused:
        sublinks.parse_vlan(name)
    assert refused.value.message == complaint


def test_a_vlan_is_read_from_its_name() -> None:
    assert sublinks.parse_vlan("lo.50") == ("lo", 50)
