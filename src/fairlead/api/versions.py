"""The versions of Docker's API that are spoken, negotiated by path (`/v1.43/info`)."""

from __future__ import annotations

Version = tuple[int, int]

OLDEST: Version = (1, 21)
"""docker-compose 1 with version-1 files, the one client that still makes links with variables, speaks this."""
NEWEST: Version = (1, 50)


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
