"""Whether output may have colours: on a terminal alone, and not where NO_COLOR says otherwise (no-color.org)."""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def wanted(out: TextIO) -> bool:
    return out.isatty() and not posix.environ.get(b"NO_COLOR") and posix.environ.get(b"TERM") != b"dumb"
