"""`user[:group]` and extra groups → numbers, read from the container's own passwd and group files.

The files are opened inside the root file system (openat2), so that an image's symbolic links cannot lead out.
Rules and texts: moby/sys user.GetExecUser.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fairlead.errors import EngineError, InvalidParameter, SystemFailure
from fairlead.linux import files

_MAX_ID = (1 << 31) - 1
_MAX_FILE = 1 << 22
_MAX_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Identity:
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


_RANGE = "uids and gids must be in range 0-2147483647"
ROOT_IDENTITY = Identity()


def _rows(root: Path, path: str) -> list[list[str]]:
    try:
        fd = files.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)  # an image may hold a fifo of that name
    except OSError:
        return []
    try:
        text = os.read(fd, _MAX_FILE).decode(errors="replace") if stat.S_ISREG(os.fstat(fd).st_mode) else ""
    finally:
        os.close(fd)
    return [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def _find(rows: list[list[str]], wanted: str, length: int) -> list[str] | None:
    """The row with this name, or else with this number in its third field."""
    rows = [row for row in rows if len(row) >= length and _number(row[2]) is not None]
    by_name = next((row for row in rows if row[0] == wanted), None)
    number = _number(wanted)
    if by_name or number is None:
        return by_name
    return next((row for row in rows if int(row[2]) == number), None)


def _unknown(text: str, wanted: str) -> EngineError:
    return InvalidParameter(_RANGE) if wanted[:1] == "-" and wanted[1:].isdigit() else SystemFailure(text)


def _group(rows: list[list[str]], wanted: str) -> int:
    row = _find(rows, wanted, 3)
    if row:
        return int(row[2])
    number = _number(wanted)
    if number is None:
        raise _unknown(f"unable to find group {wanted}: no matching entries in group file", wanted)
    if number > _MAX_ID:
        raise InvalidParameter(_RANGE)
    return number


def resolve(root: Path, user: str, extra_groups: Iterable[str] = ()) -> Identity:
    """Who the process runs as. Raises SystemFailure with Docker's text if a name is unknown."""
    name, _, group = user.partition(":")
    groups = _rows(root, "/etc/group")
    row = _find(_rows(root, "/etc/passwd"), name or "0", 4)
    if row:
        uid, gid, login = int(row[2]), _number(row[3]) or 0, row[0]
        home = row[5] if len(row) > 5 and row[5] else "/"
    else:
        number = _number(name) if name else 0
        if number is None:
            raise _unknown(f"unable to find user {name}: no matching entries in passwd file", name)
        if number > _MAX_ID:
            raise InvalidParameter(_RANGE)
        uid, gid, login, home = number, 0, "", "/"
    members: list[int] = []
    if group:
        gid = _group(groups, group)
    elif login:
        members = [int(g[2]) for g in groups if len(g) > 3 and _number(g[2]) is not None and login in g[3].split(",")]
    added = [_group(groups, wanted) for wanted in extra_groups]
    return Identity(uid, gid, tuple(dict.fromkeys([gid, *members, *added])), home)
