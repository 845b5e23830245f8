"""macvlan and ipvlan: containers upon a device of the host. What the kernel lacks is refused in words that name it."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from testbed import leftovers
from testbed.engine import Engine, until
from testbed.host import ADDRESS, FAR_ADDRESS
from testbed.inside import Inside, serve

pytestmark = pytest.mark.root

SLEEP = ("box", "sleep", "1000")
LAN = ("--subnet", "198.51.100.0/24", "--gateway", FAR_ADDRESS, "--ip-range", "198.51.100.64/26")
MODULES = {"macvlan": "macvlan", "ipvlan": "ipvlan", "vlan": "8021q"}


@functools.cache
def known(kind: str) -> bool:
    """The kernel's own word, from a namespace that is gone at once: has it devices of this kind?"""
    words = {"vlan": ("type", "vlan", "id", "5"), "macvlan": ("type", "macvlan"), "ipvlan": ("type", "ipvlan")}[kind]
    script = f"ip link add one type veth peer name two && ip link add link one name x {' '.join(words)}"
    return subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, check=False).returncode == 0


def create(engine: Engine, name: str, driver: str, *words: str) -> str:
    """The complaint; '' if it was made."""
    done = engine.cli("network", "create", "-d", driver, *words, name)
    return "" if done.code == 0 else done.err.strip().removeprefix("Error response from daemon: ")


def complaint(kind: str) -> str:
    return f'this kernel has no {kind}: load it with "modprobe {MODULES[kind]}"'


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Engine:
    return new_module_engine()


@pytest.mark.parametrize(
    ("driver", "words", "said"),
    [
        ("macvlan", ("-o", "macvlan_mode=l2"),
         "requested macvlan mode 'l2' is not valid, 'bridge' mode is the macvlan driver default"),
        ("macvlan", ("-o", "parent=lo"), "loopback interface is not a valid macvlan parent link"),
        ("ipvlan", ("-o", "ipvlan_mode=bridge"),
         "requested ipvlan mode 'bridge' is not valid, 'l2' mode is the ipvlan driver default"),
        ("ipvlan", ("-o", "ipvlan_flag=x"),
         "requested ipvlan flag 'x' is not valid, 'bridge' is the ipvlan driver default"),
        ("ipvlan", ("-o", "parent=lo"), "loopback interface is not a valid ipvlan parent link"),
        ("bridge", ("--subnet", "10.11.0.0/24", "--subnet", "10.12.0.0/24"),
         "bridge driver doesn't support multiple subnets"),
        ("host", (), 'only one instance of "host" network is allowed'),
        ("null", (), 'only one instance of "null" network is allowed'),
        ("weave", (), 'could not find plugin weave in v1 plugin registry: plugin "weave" not found'),
    ],
)  # fmt: skip
def test_a_wrong_wish_is_refused_in_dockers_words(
    clean: Engine, driver: str, words: tuple[str, ...], said: str
) -> None:
    assert create(clean, "lan", driver, *words) == said


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_what_the_kernel_has_not_is_named(clean: Engine, driver: str) -> None:
    said = create(clean, "lan", driver, *LAN, "-o", "parent=uplink")
    assert known(driver) == (said == "")
    assert said == "" or said.startswith(complaint(driver))


def test_a_parent_of_a_vlan_is_made_and_goes_or_its_lack_is_named(clean: Engine) -> None:
    if not known("macvlan"):
        assert create(clean, "lan", "macvlan", "-o", "parent=uplink.50").startswith(complaint("macvlan"))
        return
    said = create(clean, "lan", "macvlan", "-o", "parent=uplink.50")
    if not known("vlan"):
        assert said.startswith(complaint("vlan"))
        return
    assert said == ""
    clean.do("network", "create", "-d", "macvlan", "-o", "parent=uplink.50", "second")
    clean.do("network", "rm", "lan")
    assert "vlan protocol 802.1Q id 50" in clean.host.here.ip("-d", "link", "show", "uplink.50")
    clean.do("network", "rm", "second")
    assert "uplink.50" not in clean.host.here.ip("link", "show")


@pytest.mark.parametrize(
    ("parent", "said"),
    [
        ("nosuch", "invalid subinterface vlan name nosuch, example formatting is eth0.10"),
        ("nosuch.5", "-o parent interface was not found on the host: nosuch"),
        ("uplink.4095", "vlan id must be between 1-4094, received: 4095"),
    ],
)
def test_a_parent_that_cannot_be_is_refused(clean: Engine, parent: str, said: str) -> None:
    expected = said if known("macvlan") else complaint("macvlan")
    assert create(clean, "lan", "macvlan", "-o", f"parent={parent}").startswith(expected)


def _member(engine: Engine, name: str, network: str) -> Any:
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]


def _lan(engine: Engine, driver: str, *words: str) -> bool:
    """Whether there is such a network now; its lack has been checked."""
    said = create(engine, "lan", driver, *LAN, "-o", "parent=uplink", *words)
    assert (said == "") == known(driver)
    assert said == "" or said.startswith(complaint(driver))
    return not said


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_members_are_on_the_parents_network(clean: Engine, driver: str) -> None:
    """They have their own addresses there, reach it and are reached, also after a restart of each and of the daemon."""
    if not _lan(clean, driver, "--aux-address", "printer=198.51.100.64"):
        return
    far = clean.host.far
    clean.do("run", "-d", "--name", "aa", "--network", "lan", "-p", "8080:80", *SLEEP)
    clean.do("run", "-d", "--name", "bb", "--network", "lan", "--link", "aa:db", "--ip", "198.51.100.77", *SLEEP)
    aa, bb = (clean.address(name, "lan") for name in ("aa", "bb"))
    assert (aa, bb) == ("198.51.100.65", "198.51.100.77")
    assert _member(clean, "aa", "lan")["Gateway"] == FAR_ADDRESS
    assert (_member(clean, "aa", "lan")["MacAddress"] == "") == (driver == "ipvlan")
    assert clean.inspect("aa")["NetworkSettings"]["Ports"] == {"80/tcp": None}
    clean.kill()
    clean.start()
    with ExitStack() as servers:
        servers.enter_context(serve(Inside(clean, "aa"), "aa", 80))
        servers.enter_context(serve(far, "far", 80))
        for udp in (False, True):
            assert str(Inside(clean, "bb").talk(aa, 80, "x" if udp else "", udp=udp)).split()[:2] == ["aa", bb]
            assert str(far.talk(aa, 80, "x" if udp else "", udp=udp)).split()[:2] == ["aa", FAR_ADDRESS]
            assert str(Inside(clean, "bb").talk(FAR_ADDRESS, 80, "x" if udp else "", udp=udp)).split()[1] == bb
        assert clean.host.here.talk(aa, 80, timeout_s=0.4) is None, "the parent does not speak to those upon it"
        assert far.talk(ADDRESS, 8080, timeout_s=0.4) is None, "nothing is published here"
    assert clean.do("exec", "bb", "nslookup", "-type=a", "db").count(aa) == 1
    clean.do("restart", "-t", "0", "aa", "bb")
    with serve(Inside(clean, "aa"), "again", 80):
        assert far.talk(aa, 80) == f"again {FAR_ADDRESS}"
    clean.do("network", "disconnect", "lan", "aa")
    assert "eth0" not in Inside(clean, "aa").ip("link", "show")
    clean.do("network", "connect", "--ip", "198.51.100.90", "lan", "aa")
    with serve(Inside(clean, "aa"), "back", 80):
        assert far.talk("198.51.100.90", 80) == f"back {FAR_ADDRESS}"


def test_a_network_of_two_subnets(clean: Engine) -> None:
    """Addresses come from the second once the first has none; each member goes out by the router of its own subnet."""
    second = ("--subnet", "203.0.113.0/24", "--gateway", "203.0.113.2", "--subnet", "fd99::/64")
    said = create(clean, "lan", "macvlan", *LAN[:-1], "198.51.100.64/32", *second, "--ipv6", "-o", "parent=uplink")
    assert said == "" or said.startswith(complaint("macvlan"))
    if said:
        return
    far = clean.host.far
    far.ip("address", "add", "203.0.113.2/24", "dev", "uplink")
    far.ip("address", "add", "192.0.2.2/32", "dev", "lo")
    try:
        for name, words in (("aa", ()), ("bb", ()), ("cc", ("--ip", "198.51.100.80")), ("dd", ("--ip", "203.0.113.9"))):
            clean.do("run", "-d", "--name", name, "--network", "lan", *words, *SLEEP)
        clean.kill()
        clean.start()
        clean.do("restart", "-t", "0", "aa", "bb", "cc", "dd")
        with serve(far, "far", 80):
            for name, address, router in (
                ("aa", "198.51.100.64", FAR_ADDRESS), ("bb", "203.0.113.1", "203.0.113.2"),
                ("cc", "198.51.100.80", FAR_ADDRESS), ("dd", "203.0.113.9", "203.0.113.2"),
            ):  # fmt: skip
                member = _member(clean, name, "lan")
                assert (member["IPAddress"], member["Gateway"], member["IPPrefixLen"]) == (address, router, 24)
                assert member["GlobalIPv6Address"].startswith("fd99::")
                assert Inside(clean, name).talk(router, 80) == f"far {address}"
                assert Inside(clean, name).talk("192.0.2.2", 80) == f"far {address}"
        config = clean.json("GET", "/networks/lan")["IPAM"]["Config"]
        assert [entry.get("Gateway") for entry in config] == [FAR_ADDRESS, "203.0.113.2", "fd99::1"]
        refused = clean.cli("run", "--rm", "--network", "lan", "--ip", "192.0.2.9", "box", "true").err
        assert "no configured subnet or ip-range contain the IP address 192.0.2.9" in refused
        assert create(clean, "other", "bridge", "--subnet", "203.0.113.0/25") == (
            "invalid pool request: Pool overlaps with other one on this address space"
        )
    finally:
        far.ip("address", "del", "203.0.113.2/24", "dev", "uplink")
        far.ip("address", "del", "192.0.2.2/32", "dev", "lo")


def test_ipvlan_members_that_have_no_router(clean: Engine) -> None:
    if not _lan(clean, "ipvlan", "-o", "ipvlan_mode=l3"):
        return
    clean.do("run", "-d", "--name", "aa", "--network", "lan", *SLEEP)
    assert Inside(clean, "aa").ip("route", "show", "default").split() == ["default", "dev", "eth0", "scope", "link"]
    assert (
        clean.cli("run", "--rm", "--network", "lan", "--mac-address", "02:00:00:00:00:01", "box", "true")
        .err.strip()
        .endswith("ipvlan interfaces do not support custom mac address assignment")
    )


def test_a_network_without_parent_leads_nowhere(clean: Engine) -> None:
    """Its members reach each other, also by IPv6, and nobody else."""
    said = create(clean, "alone", "macvlan", "--ipv6")
    if not known("macvlan"):
        assert said.startswith(complaint("macvlan"))
        return
    assert said == ""
    clean.do("run", "-d", "--name", "aa", "--network", "alone", *SLEEP)
    clean.do("run", "-d", "--name", "bb", "--network", "alone", *SLEEP)
    assert "Gateway" not in clean.json("GET", "/networks/alone")["IPAM"]["Config"][0]
    with serve(Inside(clean, "aa"), "aa", 80):
        for key in ("IPAddress", "GlobalIPv6Address"):
            mine, other = _member(clean, "bb", "alone")[key], _member(clean, "aa", "alone")[key]
            assert Inside(clean, "bb").talk(other, 80) == f"aa {mine}"
        assert clean.host.here.talk(clean.address("aa", "alone"), 80, timeout_s=0.4) is None
    assert Inside(clean, "bb").ip("route", "show", "default") == ""


@pytest.mark.parametrize("mode", ["private", "vepa"])
def test_modes_that_keep_members_apart(clean: Engine, mode: str) -> None:
    if not _lan(clean, "macvlan", "-o", f"macvlan_mode={mode}"):
        return
    clean.do("run", "-d", "--name", "aa", "--network", "lan", *SLEEP)
    clean.do("run", "-d", "--name", "bb", "--network", "lan", *SLEEP)
    with serve(Inside(clean, "aa"), "aa", 80):
        assert str(clean.host.far.talk(clean.address("aa", "lan"), 80)).startswith("aa")
        assert Inside(clean, "bb").talk(clean.address("aa", "lan"), 80, timeout_s=0.4) is None


def test_one_network_alone_has_a_parent_that_passes_everything_through(clean: Engine) -> None:
    if not _lan(clean, "macvlan"):
        return
    lan = clean.json("GET", "/networks/lan")["Id"]
    said = create(clean, "other", "macvlan", "-o", "parent=uplink", "-o", "macvlan_mode=passthru")
    assert said == f"cannot use mode passthru, macvlan network {lan} is already using parent interface uplink"
    clean.do("network", "rm", "lan")
    clean.do("network", "create", "-d", "macvlan", "-o", "parent=uplink", "-o", "macvlan_mode=passthru", "first")
    first = clean.json("GET", "/networks/first")["Id"]
    said = create(clean, "other", "macvlan", "-o", "parent=uplink")
    assert said == f"macvlan network {first} is already using parent interface uplink in mode passthru"


def test_the_last_of_a_killed_daemons_parents_goes_at_its_next_start(clean: Engine) -> None:
    if not known("macvlan"):
        assert create(clean, "alone", "macvlan").startswith(complaint("macvlan"))
        return
    before = leftovers.snapshot(clean)["links"]
    assert create(clean, "alone", "macvlan") == ""
    made = [link for link in leftovers.snapshot(clean)["links"] if link not in before]
    assert made
    clean.do("network", "rm", "alone")
    clean.host.here.ip("link", "add", "dm-lost", "type", "veth", "peer", "name", "lost")
    clean.host.here.ip("link", "set", "dm-lost", "alias", f"fairlead {clean.instance}")
    clean.kill()
    clean.start()
    assert leftovers.snapshot(clean)["links"] == before


def test_a_parent_that_somebody_deleted_comes_back_with_those_upon_it(clean: Engine) -> None:
    if create(clean, "alone", "macvlan", "--ipv6"):
        return  # its lack is checked above
    for name in ("aa", "bb"):
        clean.do("run", "-d", "--name", name, "--network", "alone", *SLEEP)
    aa, bb, links = Inside(clean, "aa"), Inside(clean, "bb"), json.loads(clean.host.here.ip("-json", "link", "show"))
    parent = next(link["ifname"] for link in links if link.get("ifalias") == f"fairlead {clean.instance}")

    def held() -> list[list[str]]:
        shown = [json.loads(place.ip("-json", "address", "show", "dev", "eth0"))[0] for place in (aa, bb)]
        return [[link["address"], *(entry["local"] for entry in link["addr_info"][:2])] for link in shown]

    before = held()
    with serve(aa, "aa", 80):
        clean.host.here.ip("link", "delete", parent)
        for key in ("IPAddress", "GlobalIPv6Address"):
            to = _member(clean, "aa", "alone")[key]
            until(lambda to=to: bb.talk(to, 80, timeout_s=0.3), timeout_s=2)
    assert held() == before
