"""The C library's heap (mallopt(3), malloc_trim(3)): what large buffers took is given back to the kernel.

Left alone, glibc raises the size from which a buffer has pages of its own to that of the largest ever freed; after a
burst of long answers tens of megabytes of holes stay for good. A C library without these two does not need them.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_M_MMAP_THRESHOLD = -3
_LARGE = 128 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


def settle() -> None:
    """From now on every large buffer has pages of its own, which go when it goes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Holes of whole pages between what is in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
