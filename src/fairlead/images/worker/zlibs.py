"""zlib, by the faster library where it is installed (docs/decisions/0045)."""

from __future__ import annotations

import functools
from typing import Any

GZIP = 31
"""zlib's `wbits` for the gzip format."""


@functools.cache
def best() -> Any:
    """The module. Asked for before any chroot, since it is found where the process was told to look."""
    try:
        from zlib_ng import zlib_ng
    except ImportError:
        import zlib

        return zlib
    return zlib_ng
