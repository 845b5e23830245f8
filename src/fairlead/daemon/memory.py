"""Keeps the daemon small: after a burst the heap's holes go back to the kernel."""

from __future__ import annotations

import asyncio

from fairlead.linux import memory

_EVERY_S = 15
_GROWN = 2 << 20


async def watch() -> None:
    """For ever. Costs one look at /proc unless there was a burst."""
    known = memory.resident()
    while True:
        await asyncio.sleep(_EVERY_S)
        now = memory.resident()
        if now > known + _GROWN:
            memory.give_back()
            known = memory.resident()
        known = min(known, now)
