"""Ethernet frames byte by byte, sent from a container's interface, and what of them comes in at another's."""

from __future__ import annotations

import os
import select
import socket
import struct
import time

from fairlead.linux import namespaces
from testbed.inside import Inside

IP, ARP, IP6, VLAN = 0x0800, 0x0806, 0x86DD, 0x8100
UDP, ICMP6, HOP_BY_HOP, FRAGMENT, OPTIONS = 17, 58, 0, 44, 60
ALL_NODES = "ff02::1"


def _sum(data: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2)))
    total = (total >> 16) + (total & 0xFFFF)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ether(source: str, target: str, kind: int, payload: bytes) -> bytes:
    return _mac(target) + _mac(source) + struct.pack("!H", kind) + payload


def tagged(vlan: int, frame: bytes) -> bytes:
    return frame[:12] + struct.pack("!HH", VLAN, vlan) + frame[12:]


def udp(source: str, target: str, text: bytes, *, port: int = 9) -> bytes:
    """An IPv4 or IPv6 packet with a datagram."""
    size = 8 + len(text)
    pseudo = packed(source) + packed(target) + struct.pack("!HH", UDP, size)
    head = struct.pack("!HHH", 1000, port, size)
    data = head + _sum(pseudo + head + b"\0\0" + text) + text
    return ip6(source, target, UDP, data) if ":" in source else ip(source, target, UDP, data)


def ip(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol)
    ends = packed(source) + packed(target)
    return head + _sum(head + b"\0\0" + ends) + ends + payload


def ip6(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + packed(source) + packed(target) + payload


def icmp6(source: str, target: str, kind: int, body: bytes, *, behind: tuple[int, ...] = ()) -> bytes:
    """A message with an hop limit of 255, behind headers that change nothing."""
    message = bytes([kind, 0]) + b"\0\0" + body
    pseudo = packed(source) + packed(target) + struct.pack("!I3xB", len(message), ICMP6)
    data, following = message[:2] + _sum(pseudo + message) + message[4:], ICMP6
    for header in reversed(behind):
        rest = struct.pack("!HI", 0, 77) if header == FRAGMENT else b"\1\4\0\0\0\0"
        data, following = bytes([following, 0]) + rest + data, header
    return ip6(source, target, following, data)


def arp(mac: str, address: str, target_mac: str, target: str) -> bytes:
    """A reply."""
    return struct.pack("!HHBBH", 1, IP, 6, 4, 2) + _mac(mac) + packed(address) + _mac(target_mac) + packed(target)


def _open(place: Inside) -> socket.socket:
    home, there = namespaces.current_netns(), namespaces.pid_netns(place.pid)
    try:
        sock = namespaces.open_socket(there, home, socket.AF_PACKET, socket.SOCK_RAW)
    finally:
        os.close(home)
        os.close(there)
    sock.bind(("eth0", 3))
    return sock


def sent(place: Inside, *frames: bytes) -> None:
    with _open(place) as sock:
        for frame in frames:
            sock.send(frame)


class Ear:
    """Hears every frame that comes in at a container's interface."""

    def __init__(self, place: Inside) -> None:
        self._socket = _open(place)

    def heard(self, last: bytes, *, within_s: float = 3) -> list[bytes]:
        """What came, up to the frame that has `last` in it, which is left out."""
        out: list[bytes] = []
        until = time.monotonic() + within_s
        while select.select([self._socket], [], [], max(until - time.monotonic(), 0))[0]:
            frame, address = self._socket.recvfrom(65536)
            if last in frame:
                return out
            if address[2] != socket.PACKET_OUTGOING:
                out.append(frame)
        raise AssertionError(f"{last!r} did not come; heard {out}")

    def close(self) -> None:
        self._socket.close()
