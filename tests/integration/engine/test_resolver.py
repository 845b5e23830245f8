"""Names as containers find them: real look-ups over the resolver at 127.0.0.11, on every kind of network."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from testbed import names
from testbed.engine import Engine, until
from testbed.names import Asker, NameServer

pytestmark = pytest.mark.root


@pytest.fixture
def outside(shared_engine: Engine) -> Iterator[NameServer]:
    with names.outside(shared_engine) as server:
        yield server


def run(engine: Engine, name: str, *flags: str, image: str = "box") -> Asker:
    engine.do("run", "-d", "--init", "--name", name, *flags, image, "sleep", "600")
    return Asker(engine, name)


def address(engine: Engine, name: str, network: str) -> str:
    return str(engine.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])


def test_members_of_a_network_find_each_other_by_every_name(shared_engine: Engine) -> None:
    shared_engine.do("network", "create", "shop")
    run(shared_engine, "db", "--network", "shop", "--network-alias", "store", "--hostname", "oak", "--expose", "5432")
    web = run(shared_engine, "web", "--network", "shop")
    own = shared_engine.inspect("db")
    there = address(shared_engine, "db", "shop")
    for name in ("db", "DB", "store", "oak", own["Id"][:12], "db.shop", "store.shop"):
        assert web.find(name) == [there], name
    assert web.find("db", tcp=True) == [there]
    assert web.find("db", "AAAA") == []
    assert web.find("db", "MX") == []
    assert web.ask("db").rr[0].ttl == 0
    assert web.find(f"{'.'.join(reversed(there.split('.')))}.in-addr.arpa", "PTR") == ["db.shop."]
    assert web.find("_5432._tcp.db", "SRV") == ["0 0 5432 db."]
    assert f"Address: {there}" in shared_engine.do("exec", "web", "nslookup", "db")


def test_a_name_of_ours_is_never_asked_of_others_whatever_the_type(shared_engine: Engine, outside: NameServer) -> None:
    shared_engine.do("network", "create", "shop")
    run(shared_engine, "db", "--network", "shop", "--network-alias", "my_store", "--add-host", "mail:203.0.113.9")
    web = run(shared_engine, "web", "--network", "shop", "--link", "db:Base")
    for kind in ("AAAA", "MX", "TXT", "ANY", "HTTPS", "NS", "SOA", "CNAME", "CAA", "NAPTR", "TLSA"):
        for name in ("db", "DB.", "my_store", "db.shop", "base"):
            assert web.find(name, kind) == []
        assert Asker(shared_engine, "db").find("mail", kind) == []
    assert web.find("BASE") == web.find("db")
    assert outside.seen() == []


def test_whoever_shares_a_network_finds_the_same_names_and_the_hosts_find_none(
    shared_engine: Engine, outside: NameServer
) -> None:
    shared_engine.do("network", "create", "shop")
    run(shared_engine, "db", "--network", "shop")
    run(shared_engine, "web", "--network", "shop", "--link", "db:base")
    guest = run(shared_engine, "guest", "--network", "container:web")
    assert guest.find("base") == guest.find("db") == [address(shared_engine, "db", "shop")]
    for mode in ("host", "none"):
        file = shared_engine.do("run", "--rm", "--network", mode, "box", "cat", "/etc/resolv.conf")
        assert "nameserver 198.51.100.2" in file
        assert "127.0.0.11" not in file


def test_networks_do_not_know_each_others_names(shared_engine: Engine, outside: NameServer) -> None:
    for network in ("one", "two"):
        shared_engine.do("network", "create", network)
        run(shared_engine, f"db-{network}", "--network", network, "--network-alias", "db")
    asker = run(shared_engine, "asker", "--network", "one")
    assert asker.find("db") == [address(shared_engine, "db-one", "one")]
    assert asker.code("db-two") == "NXDOMAIN"
    shared_engine.do("network", "connect", "--alias", "me", "two", "asker")
    assert asker.find("db-two") == [address(shared_engine, "db-two", "two")]
    assert asker.find("db.two") == [address(shared_engine, "db-two", "two")]
    assert Asker(shared_engine, "db-two").find("me") == [address(shared_engine, "asker", "two")]
    shared_engine.do("network", "disconnect", "two", "asker")
    assert asker.code("db-two") == "NXDOMAIN"
    assert Asker(shared_engine, "db-two").code("me") == "NXDOMAIN"


def test_names_follow_renames_stops_and_starts(shared_engine: Engine, outside: NameServer) -> None:
    shared_engine.do("network", "create", "shop")
    run(shared_engine, "db", "--network", "shop")
    asker = run(shared_engine, "asker", "--network", "shop")
    there = asker.find("db")
    shared_engine.do("rename", "db", "store")
    assert (asker.code("db"), asker.find("store")) == ("NXDOMAIN", there)
    shared_engine.do("stop", "store")
    assert asker.code("store") == "NXDOMAIN"
    shared_engine.do("start", "store")
    assert asker.find("store") == there


def test_several_owners_of_an_alias_take_turns(shared_engine: Engine) -> None:
    shared_engine.do("network", "create", "shop")
    for number in range(3):
        run(shared_engine, f"db{number}", "--network", "shop", "--network-alias", "db")
    asker = run(shared_engine, "asker", "--network", "shop")
    rounds = [asker.find("db") for _ in range(6)]
    assert {len(answer) for answer in rounds} == {3}
    assert sorted(answer[0] for answer in rounds) == sorted(rounds[0] * 2)


def test_on_the_default_bridge_one_finds_oneself_and_ones_links_alone(
    shared_engine: Engine, outside: NameServer
) -> None:
    run(shared_engine, "db", image="training/postgres")
    stranger = run(shared_engine, "stranger")
    web = run(shared_engine, "web", "--link", "db:webdb")
    there = shared_engine.address("db")
    assert (web.find("webdb"), web.find("db")) == ([there], [there])
    assert web.find("web") == [shared_engine.address("web")]
    assert web.code("stranger") == "NXDOMAIN"
    assert stranger.code("db") == "NXDOMAIN"
    assert Asker(shared_engine, "db").code("web") == "NXDOMAIN"
    backwards = ".".join(reversed(there.split("."))) + ".in-addr.arpa"
    assert web.find(backwards, "PTR") == ["db.bridge."]
    assert stranger.code(backwards, "PTR") == "NXDOMAIN"
    shared_engine.do("rm", "--link", "web/webdb")
    assert web.code("webdb") == "NXDOMAIN"


def test_the_host_and_added_hosts_have_names(shared_engine: Engine) -> None:
    asker = run(shared_engine, "asker", "--add-host", "Mail:203.0.113.9", "--add-host", "gate:host-gateway")
    assert asker.find("mail") == ["203.0.113.9"]
    assert asker.find("gate") == ["172.17.0.1"]
    assert asker.find("host.docker.internal") == ["172.17.0.1"]


def test_a_program_in_the_container_may_have_port_53(shared_engine: Engine) -> None:
    web = run(shared_engine, "web")
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with names.open_socket(web.pid, kind) as own:
            own.bind(("0.0.0.0", 53))
            assert web.find("web", tcp=kind == socket.SOCK_STREAM) == [shared_engine.address("web")]


def test_the_rest_is_asked_of_the_hosts_resolver_as_it_is(shared_engine: Engine, outside: NameServer) -> None:
    shared_engine.do("network", "create", "shop")
    for network in ("bridge", "shop"):
        shared_engine.do("rm", "-f", "asker")
        asker = run(shared_engine, "asker", "--network", network)
        assert asker.find("www.example") == ["203.0.113.7"]
        assert asker.find("text.example", "TXT") == ['"words"']
        assert asker.code("nobody.invalid") == "NXDOMAIN"
        assert asker.code("refused.example") == "REFUSED"
    assert "udp 198.51.100.1 www.example A 512" in outside.seen()
    lines = shared_engine.do("exec", "asker", "cat", "/etc/resolv.conf").splitlines()
    assert lines[1:] == ["nameserver 127.0.0.11", "search corp.example", "options timeout:1 ndots:0"]


def test_large_answers_are_cut_for_datagrams_and_whole_over_tcp(shared_engine: Engine, outside: NameServer) -> None:
    asker = run(shared_engine, "asker")
    assert asker.ask("many.example").header.tc
    assert len(asker.ask("many.example", tcp=True).rr) == 120
    assert len(asker.ask("many.example", size=4096).rr) == 120
    assert any(line.endswith("many.example A 4096") for line in outside.seen())


def test_our_own_large_answers_are_cut_too(shared_engine: Engine) -> None:
    shared_engine.do("network", "create", "shop")
    for number in range(3):
        aliases = [word for n in range(2) for word in ("--network-alias", f"{'x' * 50}{n}")]
        run(shared_engine, f"db{number}", "--network", "shop", "--network-alias", "db", *aliases)
    asker = run(shared_engine, "asker", "--network", "shop")
    assert not asker.ask("db").header.tc
    assert len(asker.ask("db", size=1232).ar) == 1


def test_many_questions_on_one_connection_are_all_answered(shared_engine: Engine, outside: NameServer) -> None:
    web = run(shared_engine, "web")
    asked = [names.question(name) for name in ("web", "www.example", "web", "mail.example") * 10]
    with names.open_socket(web.pid, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.connect(names.RESOLVER)
        sock.sendall(b"".join(struct.pack("!H", len(query)) + query for query in asked))
        sock.shutdown(socket.SHUT_WR)
        got = {names.receive(sock)[:2] for _ in asked}
        assert got == {query[:2] for query in asked}
        assert sock.recv(1) == b""


def test_what_is_no_question_is_refused_or_ignored_and_harms_nobody(shared_engine: Engine) -> None:
    web = run(shared_engine, "web")
    with names.open_socket(web.pid) as sock:
        sock.connect(names.RESOLVER)
        sock.settimeout(2)
        for junk in (b"", b"x", bytes(11), b"\0\1\x81\x80" + bytes(40)):
            sock.send(junk)
        sock.send(b"\0\1\1\0\0\1" + bytes(6) + b"\x3f" * 30)
        assert sock.recv(512)[3] & 15 == 1
    with names.open_socket(web.pid, socket.SOCK_STREAM) as sock:
        sock.connect(names.RESOLVER)
        sock.settimeout(2)
        sock.sendall(b"\0\3abc")
        assert sock.recv(1) == b""
    assert web.find("web") == [shared_engine.address("web")]


def test_a_silent_server_ends_in_servfail_in_time_and_holds_nobody_up(
    shared_engine: Engine, outside: NameServer
) -> None:
    web, other = run(shared_engine, "web"), run(shared_engine, "other")
    with names.open_socket(web.pid) as sock:
        sock.connect(names.RESOLVER)
        sock.settimeout(5)
        began = time.monotonic()
        sock.send(names.question("silent.example"))
        assert other.find("www.example") == ["203.0.113.7"]
        assert other.find("other") == [shared_engine.address("other")]
        assert time.monotonic() - began < 1
        assert sock.recv(512)[3] & 15 == 2
        assert time.monotonic() - began < 5


def test_from_an_internal_network_alone_nothing_is_asked_outside(shared_engine: Engine, outside: NameServer) -> None:
    shared_engine.do("network", "create", "--internal", "vault")
    asker = run(shared_engine, "asker", "--network", "vault")
    assert asker.code("www.example") == "SERVFAIL"
    assert asker.find("asker") == [address(shared_engine, "asker", "vault")]
    assert outside.seen() == []


def test_the_users_own_server_is_asked_from_the_containers_side(shared_engine: Engine, outside: NameServer) -> None:
    names.resolver_file(shared_engine, "nameserver 198.51.100.77\n")
    asker = run(shared_engine, "asker", "--dns", "198.51.100.2", "--dns-search", "x.example", "--dns-opt", "ndots:2")
    assert asker.find("www.example") == ["203.0.113.7"]
    lines = shared_engine.do("exec", "asker", "cat", "/etc/resolv.conf").splitlines()
    assert lines[1:] == ["nameserver 127.0.0.11", "search x.example", "options ndots:2"]


def test_names_are_back_at_once_after_the_daemon_was_killed_and_fail_fast_meanwhile(
    new_engine: Callable[..., Engine],
) -> None:
    engine = new_engine()
    engine.do("network", "create", "shop")
    run(engine, "db", "--network", "shop")
    asker = run(engine, "asker", "--network", "shop")
    there = asker.find("db")
    engine.kill()
    for tcp in (False, True):
        began = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            asker.find("db", tcp=tcp)
        assert time.monotonic() - began < 0.5
    engine.start()
    for _ in range(3):
        assert (asker.find("db"), asker.find("db", tcp=True)) == (there, there)
    engine.do("rm", "-f", "db", "asker")
    until(lambda: not engine.processes())
