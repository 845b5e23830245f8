"""A name server for the other machine, run as a program there: `nameserver.py ADDRESS...`.

What it says depends on the name alone. Each question it got is a line of its output: transport, source, name, type,
and the size its asker takes.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys

import dnslib

MANY = 120


def answer(data: bytes, transport: str, peer: str) -> bytes | None:
    question = dnslib.DNSRecord.parse(data)
    name, kind = str(question.q.qname).rstrip(".").lower(), dnslib.QTYPE[question.q.qtype]
    size = next((record.rclass for record in question.ar if record.rtype == 41), 512)
    print(transport, peer, name, kind, size, flush=True)
    reply = question.reply(aa=0)
    if name.startswith("silent"):
        return None
    if name.startswith("refused"):
        reply.header.rcode = 5
    elif name.startswith("failing"):
        reply.header.rcode = 2
    elif name.startswith("slow-datagram") and transport == "udp":
        return None
    elif name == "many.example":
        reply.add_answer(*(dnslib.RR(name, 1, ttl=60, rdata=dnslib.A(f"203.0.113.{n}")) for n in range(MANY)))
    elif name == "text.example":
        reply.add_answer(dnslib.RR(name, 16, ttl=60, rdata=dnslib.TXT("words")))
    elif name.endswith(".example") or name == "example":
        if kind == "A":
            reply.add_answer(dnslib.RR(name, 1, ttl=60, rdata=dnslib.A("203.0.113.7")))
    else:
        reply.header.rcode = 3
    packed = bytes(reply.pack())
    if transport == "udp" and len(packed) > size:
        reply.rr = []
        reply.header.tc = 1
        packed = bytes(reply.pack())
    return packed


def forge(data: bytes, udp: socket.socket, peer: tuple[str, int]) -> None:
    """Answers that are none: with another id, to another question, from another port; all with a wrong address."""
    question = dnslib.DNSRecord.parse(data)
    lie = question.reply()
    lie.add_answer(dnslib.RR(question.q.qname, 1, rdata=dnslib.A("192.0.2.66")))
    honest_id = lie.header.id
    with socket.socket(udp.family, socket.SOCK_DGRAM) as other:
        other.sendto(bytes(lie.pack()), peer)
    for step in (1, 0x100, 0x8000):
        lie.header.id = honest_id ^ step
        udp.sendto(bytes(lie.pack()), peer)
    lie.header.id = honest_id
    lie.q.qname = "other.example"
    udp.sendto(bytes(lie.pack()), peer)
    udp.sendto(data, peer)


def open_sockets(address: str) -> tuple[socket.socket, socket.socket]:
    family, _, _, _, where = socket.getaddrinfo(address, 53, type=socket.SOCK_DGRAM)[0]
    udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.bind(where)
    tcp.bind(where)
    tcp.listen(64)
    return udp, tcp


def serve(addresses: list[str]) -> None:
    waiting = selectors.DefaultSelector()
    for address in addresses:
        for sock in open_sockets(address):
            waiting.register(sock, selectors.EVENT_READ)
    print("up", flush=True)
    while True:
        for key, _ in waiting.select():
            assert isinstance(key.fileobj, socket.socket)
            if key.fileobj.type == socket.SOCK_DGRAM:
                data, peer = key.fileobj.recvfrom(4096)
                if b"\x06forged" in data:
                    forge(data, key.fileobj, peer)
                if (reply := answer(data, "udp", peer[0])) is not None:
                    key.fileobj.sendto(reply, peer)
                continue
            client, peer = key.fileobj.accept()
            with client:
                client.settimeout(2)
                size = struct.unpack("!H", client.recv(2))[0]
                if (reply := answer(client.recv(size), "tcp", peer[0])) is not None:
                    client.sendall(struct.pack("!H", len(reply)) + reply)


if __name__ == "__main__":
    serve(sys.argv[1:])
