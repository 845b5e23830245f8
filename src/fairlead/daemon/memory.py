"""Keeps the daemon small: after a burst the heap's holes go back to the kernel."""

from __future__ import annotations

import asyncio

from fairlead.linux import memory

_EVERY_S = 15
_GROWN = 2 << 20


async def watch() -> None:
    """For ever. Costs one look at /proc while nothing happens."""
    floor = last = memory.resident()
    moved = False
    while True:
        await asyncio.sleep(_EVERY_S)
        now = memory.resident()
        # Once more after the last move: what a burst leaves behind moves nothing when it becomes a hole.
        if now > floor + _GROWN and (moved or now != last):
            memory.give_back()
        moved = now != last
        last = memory.resident()
