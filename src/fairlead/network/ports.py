"""Host ports: which numbers are given, and the sockets that really hold them while they are published.

Rules: Docker's port allocator (semantics of moby's portallocator). A number that is not asked for comes from
ip_local_port_range, one after the other; those that stopped containers had before are given to others last.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import chain
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.model.container import Port, PublishedPort
from fairlead.network.wishes import ANY4, ANY6, Wish
from fairlead.steps import Steps

Address = IPv4Address | IPv6Address

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FALLBACK = (49153, 65535)
_CLOEXEC_NONBLOCK = int(socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
_KINDS = {"tcp": socket.SOCK_STREAM | _CLOEXEC_NONBLOCK, "udp": socket.SOCK_DGRAM | _CLOEXEC_NONBLOCK}
_FOUR, _SIX = int(socket.AF_INET), int(socket.AF_INET6)  # a plain number saves a third of a socket's price
_EVERYWHERE = (ANY4, ANY6)
_TRIES = 10
_AT_A_TIME = 64


def ephemeral_range() -> tuple[int, int]:
    """First and last port for dynamic bindings (ip(7), ip_local_port_range)."""
    try:
        first, last = (int(word) for word in _RANGE.read_text().split())
    except (OSError, ValueError):
        return _FALLBACK
    return (first, last) if first < last else _FALLBACK


@dataclass(slots=True)
class _Held:
    """A number taken by somebody: on one address, or on both unspecified ones with one socket for the two families."""

    owner: str
    sock: socket.socket | None
    uses: int
    """How many addresses it still stands for."""


class Ports:
    """All host ports this daemon holds."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, int], dict[str, _Held]] = {}
        self._range = ephemeral_range()
        self._dual = False
        """Whether an IPv6 socket is for both families unless told otherwise (net.ipv6.bindv6only)."""
        self._pointer: dict[tuple[int, int], int] = {}
        self._remembered: dict[tuple[str, int], str] = {}
        """Numbers that stopped containers had: (protocol, number) → container."""
        self._awaited: dict[str, list[tuple[str, int]]] = {}

    def remember(self, container_id: str, gone: Iterable[PublishedPort]) -> None:
        """Others get these numbers only when there is no other left."""
        self.forget(container_id)
        keys = [(item.port.protocol, item.host_port) for item in gone]
        if keys:
            self._awaited[container_id] = keys
            self._remembered |= dict.fromkeys(keys, container_id)

    def forget(self, container_id: str) -> None:
        for key in self._awaited.pop(container_id, ()):
            if self._remembered.get(key) == container_id:
                del self._remembered[key]

    def reserve(self, owner: str, wanted: Iterable[Wish], address: Address) -> Steps[tuple[PublishedPort, ...]]:
        """Binds every wish or none. Raises SystemFailure with Docker's text for the first that cannot be had."""
        got: list[PublishedPort] = []
        self._dual = _both_by_default()
        try:
            for count, wish in enumerate(wanted, 1):
                port, addresses, first, last, _, forwarded, routed = wish
                if addresses:
                    exact = first and first == last
                    number = self._take(owner, wish, address) if exact else self._choose(owner, wish, address)
                    for ip in addresses:
                        got.append(PublishedPort(port, ip, number, forwarded))
                if routed:
                    got += [PublishedPort(port, ip, 0) for ip in routed]
                if count % _AT_A_TIME == 0:
                    yield
        except BaseException:
            self.release(owner, got)
            raise
        return tuple(got) if all(item.host_port for item in got) else tuple(dict.fromkeys(got))

    def _take(self, owner: str, wish: Wish, address: Address) -> int:
        number = wish.first
        if (wish.port.protocol, number) in self._used:
            self._check_free(wish, number)
        try:
            self._bind(owner, wish, number)
        except OSError as error:
            raise _taken(wish, number, address, error) from error
        return number

    def _choose(self, owner: str, wish: Wish, address: Address) -> int:
        failure: OSError | None = None
        tries = 0
        for number in self._candidates(wish):
            try:
                self._bind(owner, wish, number)
            except OSError as error:
                failure = error
                tries += 1
                if error.errno != errno.EADDRINUSE or tries == _TRIES:
                    raise _taken(wish, number, address, error) from error
                continue
            return number
        if failure is not None:
            raise _taken(wish, wish.last, address, failure) from failure
        raise SystemFailure("all ports are allocated")

    def _candidates(self, wish: Wish) -> Iterator[int]:
        """Numbers nobody of ours has: the one of last time, those nobody waits for, and then the rest."""
        if wish.preferred and self._free(wish, wish.preferred):
            yield wish.preferred
        low, high = (wish.first, wish.last) if wish.first else self._range
        start = self._pointer.get((low, high), low - 1) + 1
        awaited = []
        for number in chain(range(start, high + 1), range(low, min(start, high + 1))):
            if not self._free(wish, number):
                continue
            if (wish.port.protocol, number) in self._remembered:
                awaited.append(number)
                continue
            self._pointer[low, high] = number if number < high else low - 1
            yield number
        yield from awaited

    def _free(self, wish: Wish, number: int) -> bool:
        held = self._used.get((wish.port.protocol, number))
        return not held or not any(_overlap(one, other) for one in wish.addresses for other in held)

    def _check_free(self, wish: Wish, number: int) -> None:
        if not self._free(wish, number):
            where = _joined(wish.addresses[0], number)
            raise SystemFailure(f"Bind for {where} failed: port is already allocated")

    def _bind(self, owner: str, wish: Wish, number: int) -> None:
        protocol, addresses = wish.port.protocol, wish.addresses
        key = protocol, number
        if addresses == _EVERYWHERE and protocol in _KINDS:
            held = _Held(owner, _hold(ANY6, number, protocol, only=None if self._dual else False), 2)
            both = {ANY4: held, ANY6: held}
            if key in self._used:
                self._used[key] |= both
            else:
                self._used[key] = both
            return
        made: list[PublishedPort] = []
        try:
            for host_ip in addresses:
                held = _Held(owner, _hold(host_ip, number, protocol), 1)
                self._used.setdefault(key, {})[host_ip] = held
                made.append(PublishedPort(wish.port, host_ip, number))
        except OSError:
            self.release(owner, made)
            raise

    def restore(self, owner: str, published: Iterable[PublishedPort]) -> None:
        """Takes ports again that a running container has had since before this daemon started."""
        together: dict[tuple[Port, int], list[str]] = {}
        for item in published:
            together.setdefault((item.port, item.host_port), []).append(item.host_ip)
        for (port, number), addresses in together.items():
            for each in [tuple(addresses)] if set(addresses) == {*_EVERYWHERE} else [(ip,) for ip in addresses]:
                self._restore_one(owner, Wish(port, _EVERYWHERE if len(each) == 2 else each, number, number))

    def _restore_one(self, owner: str, wish: Wish) -> None:
        try:
            self._bind(owner, wish, wish.first)
        except OSError:
            # Somebody took it in the meantime: the rules still win, there is only nothing to hold.
            held = _Held(owner, None, len(wish.addresses))
            self._used.setdefault((wish.port.protocol, wish.first), {}).update(dict.fromkeys(wish.addresses, held))

    def holders(
        self, owner: str, published: Iterable[PublishedPort]
    ) -> Iterator[tuple[PublishedPort, socket.socket]]:
        """What holds these ports for the owner, as it is found on the way. Of one that is published on all addresses,
        IPv6 stands for both families."""
        used = self._used
        for port in published:
            (_, protocol), host_ip, number, _ = port
            held = used[protocol, number].get(host_ip) if (protocol, number) in used else None
            if held is None or held.sock is None or held.owner != owner:
                continue
            if held.uses == 1 or host_ip == ANY6:
                yield port, held.sock

    def release(self, owner: str, published: Iterable[PublishedPort]) -> None:
        """Gives the ports back; those of another owner and unknown ones are left alone."""
        used = self._used
        for (_, protocol), host_ip, number, _ in published:
            holders = used.get((protocol, number))
            held = holders.get(host_ip) if holders else None
            if not holders or held is None or held.owner != owner:
                continue
            held.uses -= 1
            if not held.uses and held.sock is not None:
                held.sock.close()
            del holders[host_ip]
            if not holders:
                del used[protocol, number]

    def close(self) -> None:
        for holders in self._used.values():
            for held in holders.values():
                if held.sock is not None:
                    held.sock.close()
        self._used.clear()


def _overlap(one: str, other: str) -> bool:
    """An unspecified address conflicts with every address of its family."""
    if (":" in one) != (":" in other):
        return False
    return one == other or ANY4 in (one, other) or ANY6 in (one, other)


def _joined(host_ip: str, number: int) -> str:
    return f"[{host_ip}]:{number}" if ":" in host_ip else f"{host_ip}:{number}"


def _taken(wish: Wish, number: int, address: Address, error: OSError) -> SystemFailure:
    wanted = f"{wish.first}-{wish.last}" if wish.first != wish.last else f"{wish.first or number}"
    host_ip = f"[{wish.addresses[0]}]" if ":" in wish.addresses[0] else wish.addresses[0]
    what = f"{number} " if wish.first != wish.last else ""
    container_ip = f"[{address}]" if address.version == 6 else str(address)
    target = f"{host_ip}:{wanted}:{container_ip}:{wish.port}"
    reason = os.strerror(error.errno or errno.EIO).lower()
    return SystemFailure(f"failed to bind host port {what}for {target}: {reason}")


def _hold(host_ip: str, number: int, protocol: str, *, only: bool | None = True) -> socket.socket | None:
    """A bound socket; an IPv6 one is for that family `only`, or as the host has it (None).

    No other program can share its number, whatever it sets: with SO_REUSEADDR that is so only once it listens.
    Therefore that is the second try, for a TCP port whose old connections linger: it may be taken, as in Docker.
    """
    kind = _KINDS.get(protocol)
    if kind is None:
        return None
    six = ":" in host_ip
    sock = socket.socket(_SIX if six else _FOUR, kind)
    try:
        if six and only is not None:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        try:
            sock.bind((host_ip, number))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or protocol != "tcp":
                raise
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host_ip, number))
    except OSError:
        sock.close()
        raise
    return sock


def _both_by_default() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            return not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return False


def host_has_ipv6() -> bool:
    """Whether a socket can be bound to [::] here."""
    try:
        probe = socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError:
        return False
    with probe:
        try:
            probe.bind(("::", 0))
        except OSError:
            return False
    return True
