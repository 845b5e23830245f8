"""Look-ups that go on to others: who is asked, how often, whose answer counts, and what a bad day there does to us."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from testbed import host, names
from testbed.engine import Engine
from testbed.inside import Inside
from testbed.names import Asker, NameServer

pytestmark = pytest.mark.root

# Listens on 127.0.0.1:53 of a container, asks 127.0.0.11 on, and prints a line for each question.
_FORWARDER = """
import selectors, socket
front, back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
front.bind(("127.0.0.1", 53))
back.connect(("127.0.0.11", 53))
chosen, waiting = selectors.DefaultSelector(), {}
for sock in (front, back):
    chosen.register(sock, selectors.EVENT_READ)
print("up", flush=True)
while True:
    for key, _ in chosen.select():
        data, peer = key.fileobj.recvfrom(4096)
        if key.fileobj is front:
            print("asked", flush=True)
            waiting[data[:2]] = peer
            back.send(data)
        elif data[:2] in waiting:
            front.sendto(data, waiting.pop(data[:2]))
"""


@pytest.fixture(scope="module", autouse=True)
def _six(_module_engine: Engine) -> None:
    """The host forwards IPv6 from the first network that has it on."""
    _module_engine.do("network", "create", "--ipv6", "six")
    _module_engine.do("network", "rm", "six")


@pytest.fixture
def outside(shared_engine: Engine) -> Iterator[NameServer]:
    with names.outside(shared_engine) as server:
        yield server


def run(engine: Engine, name: str, *flags: str) -> Asker:
    engine.do("run", "-d", "--init", "--name", name, *flags, "box", "sleep", "600")
    return Asker(engine, name)


def asked(outside: NameServer, name: str) -> int:
    return sum(f" {name} " in line for line in outside.seen())


def codes(sock: socket.socket, count: int, *, within_s: float) -> list[int]:
    """Of that many answers, or of those that came in time."""
    out: list[int] = []
    until = time.monotonic() + within_s
    while len(out) < count and select.select([sock], [], [], max(until - time.monotonic(), 0))[0]:
        out.append(sock.recv(512)[3] & 15)
    return out


def test_a_server_that_refuses_or_fails_is_asked_once_and_then_the_next(
    shared_engine: Engine, outside: NameServer
) -> None:
    asker = run(shared_engine, "asker")
    for name, code in (("refused.example", "REFUSED"), ("failing.example", "SERVFAIL")):
        assert asker.code(name) == code
        assert asked(outside, name) == 1
    names.resolver_file(shared_engine, f"nameserver 198.51.100.77\nnameserver {host.FAR_ADDRESS}\n")
    assert asker.find("www.example") == ["203.0.113.7"]


def test_only_the_answer_of_the_server_to_this_question_counts(shared_engine: Engine, outside: NameServer) -> None:
    asker = run(shared_engine, "asker")
    for number in range(10):
        assert asker.find(f"forged.{number}.example") == ["203.0.113.7"]


def test_a_question_is_asked_once_at_a_time_and_ends_also_if_it_comes_round(
    shared_engine: Engine, outside: NameServer
) -> None:
    """`looped` has a forwarder, named by --dns, which itself asks us; `web` asks the same again and again."""
    web, looped = run(shared_engine, "web"), run(shared_engine, "looped", "--dns", "127.0.0.1")
    argv = [sys.executable, "-I", "-S", "-u", "-c", _FORWARDER]
    with Inside(shared_engine, "looped").popen(*argv, stdout=subprocess.PIPE) as forwarder:
        try:
            assert forwarder.stdout is not None
            assert forwarder.stdout.readline() == b"up\n"
            with names.open_socket(web.pid) as sock:
                sock.connect(names.RESOLVER)
                for _ in range(100):
                    sock.send(names.question("silent.example"))
                assert looped.code("www.example") == "SERVFAIL"
                assert codes(sock, 100, within_s=6) == [2] * 100
        finally:
            forwarder.kill()
        assert forwarder.stdout.read().count(b"asked") == 3
    assert asked(outside, "silent.example") == 3


def test_our_own_address_as_a_server_means_the_hosts_servers(shared_engine: Engine, outside: NameServer) -> None:
    asker = run(shared_engine, "asker", "--dns", "127.0.0.11")
    assert asker.find("www.example") == ["203.0.113.7"]


def test_what_is_no_address_in_the_hosts_file_is_passed_over(shared_engine: Engine, outside: NameServer) -> None:
    asker = run(shared_engine, "asker")
    text = "nameserver dns.example\nnameserver 8.8.8.8#53\n# nameserver 127.0.0.53\nnameserver fe80::1%nosuch\n"
    names.resolver_file(shared_engine, f"{text}nameserver {host.FAR_ADDRESS} # ours\n")
    began = time.monotonic()
    assert asker.find("www.example") == ["203.0.113.7"]
    assert time.monotonic() - began < 1


def test_a_server_on_one_of_the_hosts_links_is_asked_by_the_host(shared_engine: Engine) -> None:
    """`fe80::…%eth0`, as router advertisements give it: the link is the host's, whatever the container's are called."""
    shown = json.loads(shared_engine.host.far.ip("-json", "-6", "address", "show", "dev", "uplink", "scope", "link"))
    address = shown[0]["addr_info"][0]["local"]
    with names.outside(shared_engine, f"{address}%uplink") as outside:
        names.resolver_file(shared_engine, f"nameserver {address}%uplink\n")
        shared_engine.do("network", "create", "--ipv6", "six")
        for flags in ((), ("--network", "six")):
            shared_engine.do("rm", "-f", "asker")
            asker = run(shared_engine, "asker", *flags)
            for tcp in (False, True):
                assert asker.find("www.example", tcp=tcp) == ["203.0.113.7"]
        assert all(" fe80:" in line for line in outside.seen())


def test_nothing_that_we_answer_claims_to_be_validated(shared_engine: Engine) -> None:
    asker = run(shared_engine, "asker")
    query = bytearray(names.question("asker"))
    query[3] |= 0x20  # AD: the asker understands it (RFC 6840, 5.7)
    with names.open_socket(asker.pid) as sock:
        sock.settimeout(2)
        sock.connect(names.RESOLVER)
        sock.send(query)
        assert sock.recv(512)[3] & 0x20 == 0
        sock.send(query[:2] + b"\x10" + query[3:])  # opcode 2, STATUS
        assert sock.recv(512)[3] & 15 == 4


def test_without_ipv4_a_container_still_finds_names_by_the_hosts_server_of_that_family(
    shared_engine: Engine, outside: NameServer
) -> None:
    shared_engine.do("network", "create", "--ipv6", "--ipv4=false", "six")
    asker = run(shared_engine, "asker", "--network", "six")
    assert asker.find("www.example") == ["203.0.113.7"]
    own = shared_engine.inspect("asker")["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"]
    assert (asker.find("asker", "AAAA"), asker.find("asker")) == ([own], [])
