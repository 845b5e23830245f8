"""Subnets of networks: which piece of the default pools comes next, and whether a subnet is free. Pure.

No list of networks is ever walked: what is taken is found by prefix and by bisection, the next piece by a cursor, and
pieces that come back wait in a heap. So the thousandth network costs what the first did.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from fairlead.errors import Forbidden, SystemFailure
from fairlead.model.settings import AddressPool

Subnet = IPv4Network | IPv6Network


class Spans:
    """Subnets of one family, nested or not, asked for what overlaps another."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._counts: dict[tuple[int, int], int] = {}
        self._sorted: list[tuple[int, int]] = []

    def add(self, subnet: Subnet) -> None:
        key = (int(subnet.network_address), subnet.prefixlen)
        if key not in self._counts:
            insort(self._sorted, key)
        self._counts[key] = self._counts.get(key, 0) + 1

    def discard(self, subnet: Subnet) -> None:
        key = (int(subnet.network_address), subnet.prefixlen)
        count = self._counts.pop(key, 0)
        if count > 1:
            self._counts[key] = count - 1
        elif count:
            del self._sorted[bisect_left(self._sorted, key)]

    def clear(self) -> None:
        self._counts.clear()
        self._sorted.clear()

    def last_overlapping(self, first: int, prefix: int) -> int | None:
        """The last address of something here that overlaps the subnet of that first address and prefix."""
        for length in range(prefix + 1):
            start = first >> (self._bits - length) << (self._bits - length)
            if (start, length) in self._counts:
                return start + (1 << (self._bits - length)) - 1
        at = bisect_left(self._sorted, (first, 0))
        if at < len(self._sorted):
            start, length = self._sorted[at]
            if start < first + (1 << (self._bits - prefix)):
                return start + (1 << (self._bits - length)) - 1
        return None

    def overlaps(self, subnet: Subnet) -> bool:
        return self.last_overlapping(int(subnet.network_address), subnet.prefixlen) is not None


@dataclass(slots=True)
class _Block:
    """One default pool at work."""

    first: int
    last: int
    prefix: int
    next: int
    returned: list[int] = field(default_factory=list)


class Pools:
    """The subnets of one family: those taken, and the default pools for those who ask for none."""

    def __init__(self, pools: Iterable[AddressPool], *, bits: int) -> None:
        self._bits = bits
        self._taken = Spans(bits)
        self._blocks = []
        for pool in pools:
            first = int(pool.base.network_address)
            prefix = max(pool.size, pool.base.prefixlen)
            self._blocks.append(_Block(first, int(pool.base.broadcast_address), prefix, first))

    def take(self, subnet: Subnet) -> None:
        """This very subnet, as a user asked for it."""
        if self._taken.overlaps(subnet):
            raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
        self._taken.add(subnet)

    def allocate(self, routed: Spans) -> Subnet:
        """The next free piece of the default pools that the host does not route already."""
        for _ in range(2):
            for block in self._blocks:
                if (first := self._from(block, routed)) is not None:
                    subnet = ip_network((first, block.prefix))
                    self._taken.add(subnet)
                    return subnet
            for block in self._blocks:  # what the host routed then it may route no longer
                block.next = block.first
        raise SystemFailure("all predefined address pools have been fully subnetted")

    def _from(self, block: _Block, routed: Spans) -> int | None:
        size = 1 << (self._bits - block.prefix)
        while block.returned:
            first = heapq.heappop(block.returned)
            if self._blocker(first, block.prefix, routed) is None:
                return first
        while block.next <= block.last:
            first = block.next
            blocker = self._blocker(first, block.prefix, routed)
            if blocker is None:
                block.next = first + size
                return first
            block.next = max(first, blocker) // size * size + size
        return None

    def _blocker(self, first: int, prefix: int, routed: Spans) -> int | None:
        mine = self._taken.last_overlapping(first, prefix)
        return mine if mine is not None else routed.last_overlapping(first, prefix)

    def release(self, subnet: Subnet) -> None:
        """Its network is gone."""
        self._taken.discard(subnet)
        first = int(subnet.network_address)
        for block in self._blocks:
            if block.first <= first < block.next and subnet.prefixlen == block.prefix:
                heapq.heappush(block.returned, first)
                return
