"""G2: the forms of -p, `port`, and host ports that are taken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from testbed import host
from testbed.guide import Guide

pytestmark = pytest.mark.root

# Busybox has no server for udp: this one is put into the container's network namespace.
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
print("up", flush=True)
while True:
    s.sendto(*s.recvfrom(4096))
"""


def test_a_given_host_port_serves_the_containers_port(guide: Guide) -> None:
    guide.run_web("-p", "80:5000")
    assert guide.page(guide.here, "127.0.0.1", 80) == "Hello world!\n"
    assert guide.page(guide.far, host.ADDRESS, 80) == "Hello world!\n"
    assert "0.0.0.0:80->5000/tcp" in guide.do("ps", "--format", "{{.Ports}}")


@pytest.mark.parametrize(
    ("spec", "reached", "unreached"),
    [
        ("127.0.0.1:8080:5000", "127.0.0.1", [host.ADDRESS]),
        (f"{host.ADDRESS}:8080:5000", host.ADDRESS, ["127.0.0.1", host.SECOND_ADDRESS]),
        (f"{host.SECOND_ADDRESS}::5000", host.SECOND_ADDRESS, ["127.0.0.1", host.ADDRESS]),
    ],
)
def test_bound_to_one_address_means_unreachable_on_the_others(
    guide: Guide, spec: str, reached: str, unreached: list[str]
) -> None:
    guide.run_web("-p", spec)
    port = guide.engine.host_port("web")
    assert guide.do("port", "web", "5000") == f"{reached}:{port}"
    assert guide.page(guide.here, reached, port) == "Hello world!\n"
    for address in unreached:
        assert guide.here.fetch(f"http://{address}:{port}/", timeout_s=1) is None, address


def test_nobody_outside_reaches_what_is_bound_to_loopback(guide: Guide) -> None:
    guide.run_web("-p", "127.0.0.1:8080:5000")
    guide.page(guide.here, "127.0.0.1", 8080)
    assert guide.far.fetch(f"http://{host.ADDRESS}:8080/", timeout_s=1) is None
    with guide.engine.host.loopback_over_the_wire():
        assert guide.far.fetch("http://127.0.0.1:8080/", timeout_s=1) is None


def test_a_container_port_alone_gets_any_host_port(guide: Guide) -> None:
    guide.run_web("-p", "5000")
    port = guide.engine.host_port("web")
    assert port >= 1024
    assert guide.page(guide.here, "127.0.0.1", port) == "Hello world!\n"


def test_udp_is_published_as_udp(guide: Guide) -> None:
    guide.do("run", "-d", "--name", "dns", "-p", "5353:53/udp", "box", "sleep", "60")
    assert guide.do("port", "dns", "53/udp").splitlines()[0] == "0.0.0.0:5353"
    inside = f"--net=/proc/{guide.engine.inspect('dns')['State']['Pid']}/ns/net"
    with subprocess.Popen(
        ["nsenter", inside, sys.executable, "-I", "-S", "-c", ECHO], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        assert guide.here.talk("127.0.0.1", 5353, "ping", udp=True) == "ping"
        assert guide.here.talk(host.ADDRESS, 5353, "ping", udp=True) == "ping"
        assert guide.far.talk(host.ADDRESS, 5353, "ping", udp=True) == "ping"
        server.kill()


def test_a_range_maps_port_by_port(guide: Guide) -> None:
    guide.run_web("-p", "8000-8010:4990-5000")
    assert guide.do("port", "web", "4990").splitlines()[0] == "0.0.0.0:8000"
    assert guide.do("port", "web", "5000").splitlines()[0] == "0.0.0.0:8010"
    assert guide.page(guide.here, "127.0.0.1", 8010) == "Hello world!\n"
    assert "0.0.0.0:8010->5000/tcp" in guide.do("ps", "--format", "{{.Ports}}")


def test_a_host_range_gives_each_container_its_own_port(guide: Guide) -> None:
    for name in ("one", "two"):
        guide.run_web("-p", "8100-8101:5000", name=name)
    assert sorted(guide.engine.host_port(name) for name in ("one", "two")) == [8100, 8101]
    result = guide.attempt("run", "-d", "-p", "8100-8101:5000", "training/webapp")
    assert result.code == 125
    assert "all ports are allocated" in result.err


def test_port_lists_every_binding_and_names_what_is_not_published(guide: Guide) -> None:
    guide.run_web("-p", "80:5000")
    assert guide.lines("port", "web") == ["5000/tcp -> 0.0.0.0:80", "5000/tcp -> [::]:80"]
    assert guide.lines("port", "web", "5000") == ["0.0.0.0:80", "[::]:80"]
    result = guide.attempt("port", "web", "6000")
    assert result.code == 1
    assert "o public port '6000' published for web" in result.err


def test_a_port_of_another_container_is_refused_and_the_container_stays_created(guide: Guide) -> None:
    guide.run_web("-p", "8080:5000")
    result = guide.attempt("run", "-d", "--name", "late", "-p", "8080:5000", "training/webapp")
    assert result.code == 125
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in result.err
    assert guide.engine.inspect("late")["State"]["Status"] == "created"
    assert guide.page(guide.here, "127.0.0.1", 8080) == "Hello world!\n"
    guide.do("rm", "-f", "web")
    guide.do("start", "late")
    assert guide.page(guide.here, "127.0.0.1", 8080) == "Hello world!\n"


def test_a_port_of_another_program_is_refused_with_its_address(guide: Guide) -> None:
    with guide.here.hold(8081):
        result = guide.attempt("run", "-d", "--name", "late", "-p", "8081:5000", "training/webapp")
    assert result.code == 125
    assert "0.0.0.0:8081" in result.err
    assert "address already in use" in result.err
    assert guide.engine.inspect("late")["State"]["Status"] == "created"


def test_no_other_program_can_take_a_published_port(guide: Guide) -> None:
    guide.run_web("-p", "8082:5000")
    assert not guide.here.can_hold(8082)
    guide.do("stop", "-t", "1", "web")
    assert guide.here.can_hold(8082)
