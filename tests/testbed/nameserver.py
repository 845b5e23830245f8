"""A name server for the other machine, run as a program there: `nameserver.py ADDRESS`.

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


def serve(address: str) -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53), backlog=64)
    waiting = selectors.DefaultSelector()
    waiting.register(udp, selectors.EVENT_READ)
    waiting.register(tcp, selectors.EVENT_READ)
    print("up", flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is udp:
                data, peer = udp.recvfrom(4096)
                if (reply := answer(data, "udp", peer[0])) is not None:
                    udp.sendto(reply, peer)
                continue
            client, peer = tcp.accept()
            with client:
                client.settimeout(2)
                size = struct.unpack("!H", client.recv(2))[0]
                if (reply := answer(client.recv(size), "tcp", peer[0])) is not None:
                    client.sendall(struct.pack("!H", len(reply)) + reply)


if __name__ == "__main__":
    serve(sys.argv[1])
