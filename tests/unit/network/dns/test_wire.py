"""DNS messages: what is read, what is written, what is no question."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.network.dns import wire


def ask(name: str, kind: str = "A", size: int = 0) -> bytes:
    query = dnslib.DNSRecord.question(name, kind)
    query.header.id = 7
    if size:
        query.add_ar(dnslib.EDNS0(udp_len=size))
    return bytes(query.pack())


def test_a_question_is_read_as_typed() -> None:
    question = wire.parse(ask("Db.Shop", "AAAA", size=1400))
    assert (question.name, question.kind, question.size) == ("Db.Shop", wire.AAAA, 1400)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("5.0.17.172.in-addr.arpa", IPv4Address("172.17.0.5")),
        ("1" + ".0" * 31 + ".ip6.arpa", IPv6Address("::1")),
        ("5.17.172.in-addr.arpa", None),
        ("x.0.17.172.in-addr.arpa", None),
    ],
)
def test_reverse_names_are_addresses(name: str, address: object) -> None:
    assert wire.parse(ask(name, "PTR")).address == address


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("_5432._tcp.db", ("db", 5432, "tcp")),
        ("_domain._UDP.ns.shop", ("ns.shop", 53, "udp")),
        ("_nonsense._tcp.db", ("db", -1, "tcp")),
        ("db.shop", ("db.shop", 0, "")),
    ],
)
def test_service_names(name: str, service: tuple[str, int, str]) -> None:
    assert wire.service(name) == service


def test_an_answer_carries_every_kind_of_record_and_no_time_to_live() -> None:
    records: list[wire.Record] = [IPv4Address("10.0.0.1"), IPv6Address("fd00::1"), wire.Service(5432, "db"), "db.shop"]
    reply = dnslib.DNSRecord.parse(wire.answer(wire.parse(ask("db")), records, stream=False))
    assert [(row.rtype, row.ttl) for row in reply.rr] == [(1, 0), (28, 0), (33, 0), (12, 0)]
    assert reply.header.id == 7


def test_a_datagram_is_cut_to_what_the_asker_takes_and_says_so() -> None:
    addresses = [IPv4Address(f"10.0.0.{n}") for n in range(200)]
    for size in (0, 1232):
        packed = wire.answer(wire.parse(ask("db", size=size)), addresses, stream=False)
        assert len(packed) <= max(size, 512)
        assert dnslib.DNSRecord.parse(packed).header.tc
    whole = dnslib.DNSRecord.parse(wire.answer(wire.parse(ask("db")), addresses, stream=True))
    assert (len(whole.rr), whole.header.tc) == (200, 0)


def test_a_reply_belongs_to_its_question_whatever_case_and_id() -> None:
    query = ask("db.example")
    reply = dnslib.DNSRecord.parse(ask("DB.example")).reply()
    reply.header.id = 99
    assert wire.same_question(query, bytes(reply.pack()))
    assert not wire.same_question(query, bytes(dnslib.DNSRecord.parse(ask("other.example")).reply().pack()))
    assert not wire.same_question(query, query)


def test_a_later_edns_is_told_which_one_we_speak() -> None:
    query = dnslib.DNSRecord.question("db")
    query.add_ar(dnslib.EDNS0(udp_len=1232, version=1))
    question = wire.parse(bytes(query.pack()))
    assert (question.version, question.size) == (1, 1232)
    options = dnslib.DNSRecord.parse(wire.bad_version(question)).ar[0]
    assert (options.ttl >> 24, options.ttl >> 16 & 255) == (1, 0)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_question_or_refused(data: bytes) -> None:
    try:
        question = wire.parse(data)
    except wire.Malformed:
        assert len(wire.failure(data.ljust(12, b"\0"), wire.FORMAT_ERROR)) >= 12
    else:
        wire.answer(question, [IPv4Address("10.0.0.1")], stream=False)
