"""IPv6 on networks of both kinds, by packets from the side that must and the side that must not get through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv6Address, IPv6Network

import pytest

from testbed import leftovers
from testbed.engine import Engine, until
from testbed.inside import Inside, serve

pytestmark = pytest.mark.root

FAR, HOST = "2001:db8:f::2", "2001:db8:f::1"
SLEEP = ("box", "sleep", "1000")
PRIVATE = ("-o", "com.docker.network.bridge.enable_icc=false")

# Sends one datagram with a source address that is not its own.
_FORGE = """
import socket, struct, sys
_, mine, theirs, target, device = sys.argv
payload = b"forged"
length = 8 + len(payload)
src, dst = socket.inet_pton(socket.AF_INET6, theirs), socket.inet_pton(socket.AF_INET6, target)
total = sum(struct.unpack("!%dH" % (len(data) // 2), data)[i] for data in (src, dst) for i in range(8))
body = struct.pack("!HHHH", 4000, 80, length, 0) + payload
total += sum(struct.unpack("!%dH" % (len(body) // 2), body)) + length + 17
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
body = struct.pack("!HHHH", 4000, 80, length, ~total & 0xffff) + payload
head = struct.pack("!IHBB", 6 << 28, length, 17, 64) + src + dst
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, 25, device.encode())
raw.sendto(head + body, (target, 0))
"""


def address(engine: Engine, name: str, network: str) -> str:
    return str(engine.inspect(name)["NetworkSettings"]["Networks"][network]["GlobalIPv6Address"])


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """`bridge` is private: `web` linked to `db`, `near` not; `open` has `aa`, `bb`; `six` has IPv6 alone."""
    engine = new_module_engine("--ipv6")
    engine.host.here.ip("address", "add", f"{HOST}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("address", "add", f"{FAR}/64", "dev", "uplink", "nodad")
    engine.host.far.ip("-6", "route", "add", "default", "via", HOST)
    engine.do("network", "create", "--ipv6", "open")
    engine.do("network", "create", "--ipv6", "--ipv4=false", "six")
    engine.do("network", "create", "--ipv6", "--internal", "inner")
    engine.do("network", "create", "--ipv6", *PRIVATE, "--subnet", "fd42:1::/64", "private")
    engine.do("run", "-d", "--name", "db", "--expose", "80", *SLEEP)
    engine.do("run", "-d", "--name", "web", "--link", "db", *SLEEP)
    engine.do("run", "-d", "--name", "near", *SLEEP)
    for network, names in (("open", ("aa", "bb")), ("six", ("ss", "tt")), ("inner", ("ii", "jj"))):
        for name in names:
            engine.do("run", "-d", "--name", name, "--network", network, *SLEEP)
    engine.do("run", "-d", "--name", "pp", "--network", "private", "--ip6", "fd42:1::77", *SLEEP)
    engine.do("run", "-d", "--name", "qq", "--network", "private", *SLEEP)
    with ExitStack() as servers:
        for name in ("db", "near", "aa", "bb", "ss", "ii", "pp"):
            servers.enter_context(serve(Inside(engine, name), name, 80, 81))
        servers.enter_context(serve(engine.host.far, "far", 80))
        yield engine


@pytest.mark.parametrize(
    ("asker", "answerer", "network"),
    [("aa", "bb", "open"), ("bb", "aa", "open"), ("tt", "ss", "six"), ("jj", "ii", "inner"), ("web", "db", "bridge")],
)
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_it_gets_through(town: Engine, asker: str, answerer: str, network: str, *, udp: bool) -> None:
    if (network, udp) == ("bridge", True):
        pytest.skip("the link is of a TCP port")
    mine = address(town, asker, network)
    said = Inside(town, asker).talk(address(town, answerer, network), 80, "x" if udp else "", udp=udp)
    assert said is not None
    assert said.split()[:2] == [answerer, mine]


@pytest.mark.parametrize(
    ("asker", "answerer", "network", "port"),
    [
        ("near", "db", "bridge", 80),
        ("db", "near", "bridge", 80),
        ("web", "db", "bridge", 81),
        ("qq", "pp", "private", 80),
        ("aa", "ss", "six", 80),
        ("ss", "aa", "open", 80),
        ("near", "aa", "open", 80),
        ("aa", "near", "bridge", 80),
        ("aa", "ii", "inner", 80),
    ],
)
def test_it_does_not_get_through(town: Engine, asker: str, answerer: str, network: str, port: int) -> None:
    assert Inside(town, asker).talk(address(town, answerer, network), port, timeout_s=0.7) is None


@pytest.mark.parametrize(("name", "network"), [("db", "bridge"), ("aa", "open"), ("ss", "six"), ("pp", "private")])
def test_the_host_gets_in_and_other_machines_do_not(town: Engine, name: str, network: str) -> None:
    target = address(town, name, network)
    assert str(town.host.here.talk(target, 80)).startswith(name)
    assert town.host.far.talk(target, 80, timeout_s=0.7) is None


@pytest.mark.parametrize("name", ["db", "aa", "ss", "pp"])
def test_the_world_sees_the_hosts_address(town: Engine, name: str) -> None:
    assert Inside(town, name).talk(FAR, 80) == f"far {HOST}"


def test_an_internal_network_has_no_way_out(town: Engine) -> None:
    inside = Inside(town, "ii")
    assert inside.talk(FAR, 80, timeout_s=0.7) is None
    gateway = town.json("GET", "/networks/inner")["IPAM"]["Config"][1]["Gateway"]
    inside.ip("-6", "route", "add", "default", "via", gateway)
    try:
        assert inside.talk(FAR, 80, timeout_s=0.7) is None
    finally:
        inside.ip("-6", "route", "del", "default")


@pytest.mark.parametrize(("asker", "network"), [("near", "bridge"), ("aa", "open")])
def test_a_forged_source_goes_nowhere(town: Engine, asker: str, network: str) -> None:
    """The datagram would reach the other machine: without forgery it does."""
    inside, listener = Inside(town, asker), town.host.far
    heard = []
    for source in (address(town, asker, network), str(IPv6Address(address(town, asker, network)) + 77)):
        before = int(listener.run("sh", "-c", "awk '/^Udp6InDatagrams/ {print $2}' /proc/net/snmp6"))
        inside.run("/usr/bin/python3", "-c", _FORGE, source, source, FAR, "eth0")
        inside.talk(FAR, 80, "x", udp=True)  # one of which an answer tells that what was sent before is there
        heard.append(int(listener.run("sh", "-c", "awk '/^Udp6InDatagrams/ {print $2}' /proc/net/snmp6")) - before)
    assert heard == [2, 1]


def test_subnets_are_of_our_own_block_and_differ(town: Engine) -> None:
    nets = [c["Subnet"] for n in town.json("GET", "/networks") for c in n["IPAM"]["Config"] or [] if ":" in c["Subnet"]]
    own = [IPv6Network(net) for net in nets if net != "fd42:1::/64"]
    assert len({net.supernet(new_prefix=48) for net in own}) == 1
    assert len(set(own)) == len(own) == 4
    assert all(net.network_address.packed[0] == 0xFD and net.prefixlen == 64 for net in own)


def test_a_network_without_ipv4_gives_none(town: Engine) -> None:
    found = town.json("GET", "/networks/six")
    assert (found["EnableIPv4"], found["EnableIPv6"], len(found["IPAM"]["Config"])) == (False, True, 1)
    end = town.inspect("ss")["NetworkSettings"]["Networks"]["six"]
    assert (end["IPAddress"], end["IPPrefixLen"], end["Gateway"]) == ("", 0, "")
    assert end["IPv6Gateway"] == found["IPAM"]["Config"][0]["Gateway"]
    assert end["GlobalIPv6PrefixLen"] == 64


def test_a_static_address_is_kept(town: Engine) -> None:
    assert address(town, "pp", "private") == "fd42:1::77"


def test_a_link_has_a_hosts_line_for_each_family(town: Engine) -> None:
    hosts = town.do("exec", "web", "cat", "/etc/hosts").splitlines()
    lines = [line.split()[0] for line in hosts if "db" in line.split()[1:]]
    assert lines == [town.address("db"), address(town, "db", "bridge")]


def test_a_router_advertisement_of_a_container_moves_nobody(town: Engine) -> None:
    """Neither its neighbour nor the host takes a route from it."""
    advert = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58);"
        "s.setsockopt(41, 18, 255); s.setsockopt(41, 17, socket.if_nametoindex('eth0'));"
        "s.sendto(bytes.fromhex('8600000040000708' + '00' * 8) + bytes.fromhex('030440c0ffffffffffffffff00000000')"
        " + socket.inet_pton(socket.AF_INET6, '2001:db8:bad::'), ('ff02::1', 0))"
    )
    other = Inside(town, "bb")
    other.run("sh", "-c", "echo 2 > /proc/sys/net/ipv6/conf/eth0/accept_ra")
    Inside(town, "aa").run("/usr/bin/python3", "-c", advert)
    assert str(other.talk(address(town, "aa", "open"), 80)).startswith("aa")
    for place in (other, town.host.here):
        assert "2001:db8:bad" not in place.ip("-6", "route", "show")


def test_all_of_it_outlives_the_daemon_and_goes_with_the_container(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine("--ipv6")
    before = leftovers.snapshot(engine)
    for name, links in (("db", ()), ("web", ("--link", "db"))):
        engine.do("run", "-d", "--name", name, "--expose", "80", *links, *SLEEP)
    at = address(engine, "db", "bridge")
    with serve(Inside(engine, "db"), "db", 80):
        engine.kill()
        engine.start()
        assert str(Inside(engine, "web").talk(at, 80)).startswith("db")
    engine.do("rm", "-f", "db")
    engine.do("run", "-d", "--name", "db", *SLEEP)
    assert address(engine, "db", "bridge") == at
    engine.clear()
    until(lambda: not leftovers.difference(before, leftovers.snapshot(engine)), what="as before")
