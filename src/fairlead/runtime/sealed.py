"""crun in memory that nobody can write to.

At each start crun makes sure that no container can overwrite it through /proc/self/exe (CVE-2019-5736): it mounts
itself read-only somewhere and executes that, 2 ms. From a sealed memory file it sees that this has been done already.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fairlead.linux import process

_MFD_EXEC = 0x10
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Sealed:
    """A program's copy, as long as this is open."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @property
    def path(self) -> str:
        """By which children of this daemon execute it."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def close(self) -> None:
        os.close(self._fd)


async def copy(program: str) -> Sealed | None:
    """None where the host does not let us execute memory."""
    try:
        sealed = Sealed(_copy(Path(program).read_bytes()))
    except OSError:
        return None
    try:
        await process.run([sealed.path, "--version"])
    except (process.ProcessFailed, OSError):
        sealed.close()
        return None
    return sealed


def _copy(content: bytes) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        writer = os.memfd_create("crun", flags | _MFD_EXEC)
    except OSError:  # before Linux 6.3 there was no need to ask
        writer = os.memfd_create("crun", flags)
    with os.fdopen(writer, "wb") as file:
        file.write(content)
        file.flush()
        fcntl.fcntl(writer, fcntl.F_ADD_SEALS, _SEALS)
        return os.open(f"/proc/self/fd/{writer}", os.O_RDONLY | os.O_CLOEXEC)
