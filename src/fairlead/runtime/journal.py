"""The systemd journal as a log of containers: whether the host has one."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from fairlead.linux import process

_SOCKET = Path("/run/systemd/journal/socket")


def available() -> bool:
    """Whether it can be written to, and read back."""
    try:
        there = stat.S_ISSOCK(_SOCKET.stat().st_mode)
    except OSError:
        return False
    return there and shutil.which("journalctl", path=process.PATH) is not None
