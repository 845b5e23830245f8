"""DNS messages (RFC 1035, 6891): questions in, answers out. Sole user of dnslib (docs/decisions/0011)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import dnslib
from dnslib.label import DNSLabelError

from fairlead.network.dns.names import Address

A, PTR, AAAA, SRV = 1, 12, 28, 33
FORMAT_ERROR, SERVER_FAILURE, NOT_IMPLEMENTED, REFUSED = 1, 2, 4, 5
_INTERNET = 1
_PLAIN_SIZE = 512
_OUR_SIZE = 1232


class Malformed(Exception):
    """Not a question one can answer."""

    code = FORMAT_ERROR


class Unknown(Malformed):
    """A message of a kind that is none of ours."""

    code = NOT_IMPLEMENTED


@dataclass(frozen=True, slots=True)
class Service:
    """What an SRV record says."""

    port: int
    target: str


Record = Address | Service | str
"""A or AAAA, SRV, PTR."""


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    """As typed, without the last dot."""
    kind: int
    size: int
    """What the asker takes in one datagram."""
    message: dnslib.DNSRecord
    version: int = 0
    """Of EDNS."""

    @property
    def address(self) -> Address | None:
        """What a reverse look-up is about."""
        labels = self.name.lower().split(".")
        try:
            if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
                return IPv4Address(".".join(reversed(labels[:4])))
            if labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
                return IPv6Address(int("".join(reversed(labels[:32])), 16))
        except ValueError:
            return None
        return None


def parse(data: bytes) -> Question:
    try:
        message = dnslib.DNSRecord.parse(data)
    # dnslib's own, and what its recursion and its text codecs raise for the worst of inputs
    except (dnslib.DNSError, DNSLabelError, RecursionError, ValueError, LookupError) as error:
        raise Malformed(str(error)) from error
    if message.header.opcode:
        raise Unknown("not a question")
    if message.header.qr or len(message.questions) != 1:
        raise Malformed("not one question")
    asked = message.q
    if asked.qclass != _INTERNET:
        return Question("", asked.qtype, _PLAIN_SIZE, message)
    options = next((record for record in message.ar if record.rtype == 41), None)
    size, version = (int(options.rclass), options.ttl >> 16 & 255) if options is not None else (_PLAIN_SIZE, 0)
    name = ".".join(label.decode(errors="replace") for label in asked.qname.label)
    return Question(name, asked.qtype, max(size, _PLAIN_SIZE), message, version)


def answer(
    question: Question, records: Sequence[Record], extra: Sequence[tuple[str, Address]] = (), *, stream: bool
) -> bytes:
    """Bytes of the answer, cut (and marked so) to what the asker takes; time to live 0: addresses move."""
    reply = question.message.reply(aa=0)
    reply.header.ad = 0  # nothing here was validated, whatever the asker set
    rows = [dnslib.RR(question.message.q.qname, data.rtype, rdata=data.rdata, ttl=0) for data in map(_data, records)]
    more = [
        dnslib.RR(name, data.rtype, rdata=data.rdata, ttl=0) for name, address in extra for data in (_data(address),)
    ]
    if any(record.rtype == 41 for record in question.message.ar):
        more.append(dnslib.EDNS0(udp_len=_OUR_SIZE))
    reply.add_answer(*rows)
    reply.add_ar(*more)
    packed = bytes(reply.pack())
    while not stream and len(packed) > question.size and reply.rr:
        reply.header.tc = 1
        keep = len(reply.rr) * question.size // len(packed)
        reply.rr, reply.ar = reply.rr[: min(keep, len(reply.rr) - 1)], reply.ar[len(extra) :] if extra else reply.ar
        extra = ()
        packed = bytes(reply.pack())
    return packed


@dataclass(frozen=True, slots=True)
class _Data:
    rtype: int
    rdata: dnslib.RD


def _data(record: Record) -> _Data:
    if isinstance(record, IPv4Address):
        return _Data(A, dnslib.A(str(record)))
    if isinstance(record, IPv6Address):
        return _Data(AAAA, dnslib.AAAA(str(record)))
    if isinstance(record, Service):
        return _Data(SRV, dnslib.SRV(0, 0, record.port, record.target))
    return _Data(PTR, dnslib.PTR(record))


def bad_version(question: Question) -> bytes:
    """We speak EDNS 0 alone (RFC 6891, 6.1.3)."""
    reply = question.message.reply(aa=0)
    reply.add_ar(dnslib.EDNS0(udp_len=_OUR_SIZE, ext_rcode=1))
    return bytes(reply.pack())


def failure(data: bytes, code: int) -> bytes:
    """An answer that says no more than that there is none; also where the question cannot be read."""
    flags = 0x8080 | (data[2] & 0x79) << 8 | code
    return data[:2] + flags.to_bytes(2, "big") + _question(data)


def _question(data: bytes) -> bytes:
    """Counts, and the question if it is there whole."""
    at = 12
    while at < len(data) and 0 < data[at] < 64:
        at += data[at] + 1
    whole = at + 5 <= len(data) and data[at] == 0 and data[4:6] == b"\0\1"
    return b"\0\1" + bytes(6) + data[12 : at + 5] if whole else bytes(8)


def same_question(query: bytes, reply: bytes) -> bool:
    """Whether a reply is to this query's question, whatever the id; letter case may differ."""
    end = len(_question(query)) + 4
    return len(reply) >= end > 12 and reply[2] & 0x80 != 0 and reply[12:end].lower() == query[12:end].lower()


def code(reply: bytes) -> int:
    return reply[3] & 15


def addresses(text: str) -> tuple[Address, ...]:
    """The address, or none."""
    try:
        return (ip_address(text),)
    except ValueError:
        return ()


def service(name: str) -> tuple[str, int, str]:
    """(host, port, protocol) of `_5432._tcp.db`, `_postgresql._tcp.db`, or of a bare name: (db, 0, "")."""
    labels = name.split(".")
    if len(labels) < 3 or labels[0][:1] != "_" or labels[1].lower() not in ("_tcp", "_udp", "_sctp"):
        return name, 0, ""
    port, protocol = labels[0][1:], labels[1][1:].lower()
    return ".".join(labels[2:]), int(port) if port.isascii() and port.isdigit() else _named(port, protocol), protocol


def _named(port: str, protocol: str) -> int:
    try:
        return socket.getservbyname(port.lower(), protocol)
    except OSError:
        return -1
