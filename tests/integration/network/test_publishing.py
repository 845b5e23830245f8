"""Host ports that change while a container runs, that are had again after restarts, and that a forwarder carries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE

import pytest

from testbed import host
from testbed.engine import Engine, until
from testbed.inside import Inside, Line, serve

pytestmark = pytest.mark.root


@pytest.fixture
def web(shared_engine: Engine) -> Iterator[Engine]:
    """A container `web` that serves on 80 and 81, and publishes nothing."""
    shared_engine.do("run", "-d", "--name", "web", "box", "sleep", "1000")
    with serve(Inside(shared_engine, "web"), "web", 80, 81):
        yield shared_engine


def asks(engine: Engine, address: str, port: int, *, udp: bool = False) -> str:
    """Who answers the host's own question, or that of the machine beside it for the host's outer address."""
    place = engine.host.far if address == host.ADDRESS else engine.host.here
    said = place.talk(address, port, "hello" if udp else "", udp=udp, timeout_s=0.7)
    return (said or "").split(" ")[0]


def ports(engine: Engine) -> list[str]:
    return engine.do("port", "web").splitlines()


# --- port add, port rm ------------------------------------------------------------------------------------------


def test_a_port_added_to_a_running_container_is_reachable_at_once(web: Engine) -> None:
    out = web.do("port", "add", "web", "8080:80", "8053:81/udp")
    assert out.splitlines() == [
        "80/tcp -> 0.0.0.0:8080", "80/tcp -> [::]:8080", "81/udp -> 0.0.0.0:8053", "81/udp -> [::]:8053",
    ]  # fmt: skip
    for address in ("127.0.0.1", "::1", host.ADDRESS):
        assert asks(web, address, 8080) == "web"
        assert asks(web, address, 8053, udp=True) == "web"
    assert ports(web) == out.splitlines()
    assert not web.host.here.can_hold(8080)


def test_of_many_ports_the_last_answers_in_both_families_and_after_a_restart(shared_engine: Engine) -> None:
    shared_engine.do("run", "-d", "--name", "web", "-p", "20000-20299:20000-20299", "box", "sleep", "1000")
    shared_engine.do("restart", "-t", "0", "web")  # amid what the first start may have put off
    with serve(Inside(shared_engine, "web"), "web", 20299):
        assert asks(shared_engine, "127.0.0.1", 20299) == "web"
        until(lambda: asks(shared_engine, "::1", 20299) == "web")
    shared_engine.do("stop", "-t", "0", "web")
    assert shared_engine.host.here.can_hold(20299)


def test_a_port_removed_from_a_running_container_is_closed_at_once(web: Engine) -> None:
    web.do("port", "add", "web", "8080:80", "8081:81")
    assert asks(web, "127.0.0.1", 8080) == "web"
    web.do("port", "rm", "web", "8080:80")
    assert ports(web) == ["81/tcp -> 0.0.0.0:8081", "81/tcp -> [::]:8081"]
    for address in ("127.0.0.1", "::1", host.ADDRESS):
        assert asks(web, address, 8080) == ""
        assert asks(web, address, 8081) == "web"
    assert web.host.here.can_hold(8080)


def test_removing_a_port_ends_what_goes_on_through_it_and_nothing_else(web: Engine) -> None:
    web.do("port", "add", "web", "8080:82", "8081:83", "8053:80/udp")
    inside, far = Inside(web, "web"), web.host.far
    lines = [Line(inside, "listen", port) for port in (82, 83)]
    clients = [Line(far, host.ADDRESS, port) for port in (8080, 8081)]
    with lines[0], lines[1], clients[0], clients[1]:
        for line, client in zip(lines, clients, strict=True):
            client.say("hello")
            assert line.hear() == "hello"
        web.do("port", "rm", "web", "82")
        lines[1].say("still there?")
        assert clients[1].hear() == "still there?"
        clients[0].say("anybody?")
        assert clients[0].hear() == "", "the host says that there is no such connection"


def test_the_change_is_kept_over_restarts_of_container_and_daemon(web: Engine) -> None:
    web.do("port", "add", "web", "127.0.0.1:8080:80", "81")
    before = ports(web)
    web.kill()
    web.start()
    assert ports(web) == before
    web.do("restart", "-t", "0", "web")
    assert ports(web) == before
    with serve(Inside(web, "web"), "again", 80):
        assert asks(web, "127.0.0.1", 8080) == "again"
    assert "81/tcp" in web.inspect("web")["Config"]["ExposedPorts"]


def test_a_stopped_container_takes_changes_for_its_next_start(shared_engine: Engine) -> None:
    shared_engine.do("create", "--name", "web", "-p", "8080:80", "box", "sleep", "1000")
    shared_engine.do("port", "add", "web", "8081:80")
    shared_engine.do("port", "rm", "web", "8080:80")
    assert shared_engine.host.here.can_hold(8081)
    shared_engine.do("start", "web")
    assert ports(shared_engine) == ["80/tcp -> 0.0.0.0:8081", "80/tcp -> [::]:8081"]


def test_one_port_that_cannot_be_had_changes_nothing(web: Engine) -> None:
    web.do("port", "add", "web", "8080:80")
    web.do("run", "-d", "--name", "other", "-p", "8082:80", "box", "sleep", "60")
    result = web.cli("port", "add", "web", "8081:81", "8082:81")
    assert result.code == 1
    assert "Bind for 0.0.0.0:8082 failed: port is already allocated" in result.err
    assert ports(web) == ["80/tcp -> 0.0.0.0:8080", "80/tcp -> [::]:8080"]
    assert web.inspect("web")["HostConfig"]["PortBindings"].keys() == {"80/tcp"}
    assert asks(web, "127.0.0.1", 8081) == ""
    assert asks(web, "127.0.0.1", 8080) == "web"
    assert web.host.here.can_hold(8081)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rm", "web", "8080:80"), "no public port '8080:80/tcp' published for web"),
        (("rm", "web", "80"), "no public port '80/tcp' published for web"),
        (("add", "nobody", "80"), "No such container: nobody"),
        (("add", "web", "80/icmp"), "invalid proto: icmp"),
        (("add", "web", "8080:99999"), "invalid containerPort: 99999"),
        (("add", "--mode", "magic", "web", "80"), 'invalid publish mode "magic": use kernel or forward'),
    ],
)
def test_what_cannot_be_is_refused(web: Engine, words: tuple[str, ...], message: str) -> None:
    result = web.cli("port", *words)
    assert result.code != 0
    assert message in result.err


def test_a_container_without_a_network_of_its_own_has_no_ports(web: Engine) -> None:
    web.do("run", "-d", "--name", "hosted", "--network", "host", "box", "sleep", "60")
    web.do("run", "-d", "--name", "guest", "--network", "container:web", "box", "sleep", "60")
    for name, kind in (("hosted", "host"), ("guest", "container")):
        result = web.cli("port", "add", name, "80")
        assert f"conflicting options: port publishing and the {kind} type network mode" in result.err


def test_a_port_of_publish_all_can_be_removed_for_good(shared_engine: Engine) -> None:
    shared_engine.do("run", "-d", "--name", "web", "-P", "--expose", "80", "--expose", "81", "box", "sleep", "1000")
    kept = [line for line in ports(shared_engine) if line.startswith("81/")]
    shared_engine.do("port", "rm", "web", "80")
    assert ports(shared_engine) == kept
    shared_engine.do("restart", "-t", "0", "web")
    assert ports(shared_engine) == kept


def test_an_added_port_is_open_to_linked_containers(web: Engine) -> None:
    web.do("run", "-d", "--name", "friend", "--link", "web", "box", "sleep", "1000")
    friend, address = Inside(web, "friend"), web.address("web")
    assert friend.talk(address, 80, timeout_s=0.7) is None
    web.do("port", "add", "web", "80")
    assert friend.talk(address, 80, timeout_s=0.7)


# --- numbers that were chosen -----------------------------------------------------------------------------------


def test_a_chosen_number_is_had_again(shared_engine: Engine) -> None:
    shared_engine.do("run", "-d", "--name", "web", "-p", "80", "-p", "127.0.0.1::81/udp", "box", "sleep", "1000")
    before = ports(shared_engine)
    shared_engine.do("stop", "-t", "0", "web")
    assert shared_engine.stop() == 0
    shared_engine.start()
    shared_engine.do("run", "-d", "--name", "other", "-p", "80", "box", "sleep", "60")
    shared_engine.do("start", "web")
    assert ports(shared_engine) == before


def test_a_chosen_number_that_somebody_took_is_given_up(shared_engine: Engine) -> None:
    shared_engine.do("run", "-d", "--name", "web", "-p", "80", "box", "sleep", "1000")
    before = shared_engine.host_port("web", "80/tcp")
    shared_engine.do("stop", "-t", "0", "web")
    with shared_engine.host.here.hold(before):
        shared_engine.do("start", "web")
        assert shared_engine.host_port("web", "80/tcp") != before


def test_ports_without_an_address_are_bound_to_that_of_their_network(shared_engine: Engine) -> None:
    option = "com.docker.network.bridge.host_binding_ipv4=127.0.0.1"
    shared_engine.do("network", "create", "-o", option, "inner")
    words = ("-p", "8080:80", "-p", "8080:80/udp", "-p", f"{host.ADDRESS}:8081:80", "-p", "0.0.0.0:8082:80")
    shared_engine.do("run", "-d", "--name", "web", "--network", "inner", *words, "box", "sleep", "1000")
    shared_engine.do("port", "add", "web", "8083:80")
    assert "80/tcp -> 127.0.0.1:8083" in ports(shared_engine)
    with serve(Inside(shared_engine, "web"), "web", 80):
        for port, udp in ((8080, False), (8080, True), (8083, False)):
            assert asks(shared_engine, "127.0.0.1", port, udp=udp) == "web"
            assert asks(shared_engine, host.ADDRESS, port, udp=udp) == ""
        assert asks(shared_engine, host.ADDRESS, 8081) == asks(shared_engine, host.ADDRESS, 8082) == "web"


# --- who carries the bytes --------------------------------------------------------------------------------------

_INPUT = """
table inet machine {
    chain input {
        type filter hook input priority filter; policy accept;
        iifname "uplink" meta l4proto { tcp, udp } th dport { 8080, 8081 } drop
    }
}
"""


@pytest.fixture
def walled(web: Engine) -> Iterator[Engine]:
    """The host has an INPUT rule of its own against what comes for 8080 and 8081 from outside."""
    web.host.here.run("nft", "-f", "-", stdin=_INPUT)
    yield web
    web.host.here.run("nft", "delete", "table", "inet", "machine")


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_forwarded_port_obeys_the_hosts_input_rules(walled: Engine, *, udp: bool) -> None:
    protocol = "udp" if udp else "tcp"
    walled.do("port", "add", "web", f"8080:80/{protocol}")
    walled.do("port", "add", "--mode", "forward", "web", f"8081:81/{protocol}", f"8082:81/{protocol}")
    assert asks(walled, host.ADDRESS, 8080, udp=udp) == "web", "the kernel translates before INPUT"
    assert asks(walled, host.ADDRESS, 8081, udp=udp) == ""
    assert asks(walled, host.ADDRESS, 8082, udp=udp) == "web"
    for address in ("127.0.0.1", "::1"):
        assert asks(walled, address, 8081, udp=udp) == "web"


def test_the_mode_is_a_label_that_any_client_can_set(web: Engine) -> None:
    web.do("run", "-d", "--name", "two", "--label", "fairlead.publish-mode.80/tcp=forward", "-p", "8080:80",
           "-p", "8081:81", "box", "sleep", "1000")  # fmt: skip
    gateway = "172.17.0.1"
    with serve(Inside(web, "two"), "two", 80, 81):
        far = web.host.far
        assert far.talk(host.ADDRESS, 8080) == f"two {gateway}", "carried by the daemon"
        assert far.talk(host.ADDRESS, 8081) == f"two {host.FAR_ADDRESS}", "carried by the kernel"
    result = web.cli("create", "--label", "fairlead.publish-mode=magic", "box")
    assert 'invalid publish mode "magic" in label fairlead.publish-mode: use kernel or forward' in result.err


def test_a_daemon_can_forward_everything(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine("--publish-mode", "forward", "--ip", "127.0.0.1")
    engine.do("run", "-d", "--name", "web", "-p", "8080:80", "-p", "8080:80/udp", "-p", f"{host.ADDRESS}:8081:80",
              "box", "sleep", "1000")  # fmt: skip
    assert ports(engine) == ["80/tcp -> 127.0.0.1:8080", f"80/tcp -> {host.ADDRESS}:8081", "80/udp -> 127.0.0.1:8080"]
    with serve(Inside(engine, "web"), "web", 80):
        assert engine.host.here.talk("127.0.0.1", 8080) == "web 172.17.0.1"
        assert engine.host.here.talk("127.0.0.1", 8080, "hello", udp=True) == "web 172.17.0.1 hello"
        assert engine.host.far.talk(host.ADDRESS, 8081) == "web 172.17.0.1"
        assert engine.host.far.talk(host.ADDRESS, 8080, timeout_s=0.5) is None
        assert Inside(engine, "web").talk(host.ADDRESS, 8081) == "web 172.17.0.1"


# --- what is bound to loopback ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["kernel", "forward"])
def test_loopback_is_closed_to_a_neighbour_where_the_host_routes_it(web: Engine, mode: str) -> None:
    """Kubernetes, for one, sets route_localnet on every device."""
    web.do("port", "add", "--mode", mode, "web", "127.0.0.1:8080:80", "127.0.0.1:8080:80/udp")
    here, far = web.host.here, web.host.far
    assert asks(web, "127.0.0.1", 8080) == "web"
    here.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/uplink/route_localnet")
    try:
        with web.host.loopback_over_the_wire():
            with here.hold(8099, "127.0.0.1"):
                assert far.connects("127.0.0.1", 8099), "the way is open for others"
            assert not far.connects("127.0.0.1", 8080, timeout_s=0.7)
            assert far.talk("127.0.0.1", 8080, "hello", udp=True, timeout_s=0.5) is None
    finally:
        here.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/uplink/route_localnet")
    for address in (web.address("web"), host.ADDRESS):
        for port in (80, 8080):
            assert not far.connects(address, port, timeout_s=0.5)


# --- flows that began before --------------------------------------------------------------------------------------

_PATIENT = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], int(sys.argv[2])))
s.settimeout(0.1)
print("up", flush=True)
for _ in range(100):
    try:
        s.send(b"hello")
        print(s.recv(100).decode().split()[0], flush=True)
        break
    except (TimeoutError, ConnectionRefusedError):
        time.sleep(0.05)
"""


def test_a_datagram_client_that_began_too_early_is_answered_once_the_port_is_there(web: Engine) -> None:
    argv = [sys.executable, "-I", "-S", "-c", _PATIENT, host.ADDRESS, "8053"]
    with web.host.far.popen(*argv, stdout=PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"up\n"
        with web.host.here.hold(8054):  # time for the first datagrams to arrive, in vain
            web.do("port", "add", "web", "8053:80/udp")
        assert client.stdout.readline() == b"web\n"


# --- SCTP, in packets: the host's kernel need not speak it ------------------------------------------------------

_LISTEN = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
s.settimeout(3)
print("up", flush=True)
packet, (who, _) = s.recvfrom(2000)
print(who, int.from_bytes(packet[22:24], "big"), packet[32], flush=True)
"""
# An INIT to a port, with its checksum (CRC32c), without which no connection is tracked.
_INIT = """
import socket, struct, sys
head, init = struct.pack("!HHI", 5555, int(sys.argv[2]), 0), struct.pack("!BBHIIHHI", 1, 0, 20, 0x1234, 65535, 1, 1, 1)
crc = 0xFFFFFFFF
for byte in head + bytes(4) + init:
    crc ^= byte
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
socket.socket(socket.AF_INET, socket.SOCK_RAW, 132).sendto(
    head + struct.pack("<I", crc ^ 0xFFFFFFFF) + init, (sys.argv[1], 0)
)
"""


def test_sctp_is_translated_whatever_the_mode(shared_engine: Engine) -> None:
    forward = ("--label", "fairlead.publish-mode=forward")
    shared_engine.do("run", "-d", "--name", "web", *forward, "-p", "9000:80/sctp", "box", "sleep", "1000")
    assert ports(shared_engine) == ["80/sctp -> 0.0.0.0:9000"], "nobody carries it from [::] to IPv4"
    inside = Inside(shared_engine, "web")
    for place, to, seen in (
        (shared_engine.host.far, host.ADDRESS, host.FAR_ADDRESS), (shared_engine.host.here, host.ADDRESS, host.ADDRESS),
        (shared_engine.host.here, "127.0.0.1", ""),
    ):  # fmt: skip
        with inside.popen(sys.executable, "-I", "-S", "-c", _LISTEN, stdout=PIPE) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == b"up\n"
            place.run(sys.executable, "-I", "-S", "-c", _INIT, to, "9000")
            who, *rest = listener.stdout.readline().decode().split()
            assert (rest, who) == (["80", "1"], seen or who)
