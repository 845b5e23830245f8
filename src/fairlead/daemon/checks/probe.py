"""Runs a command and tells whether it worked: the doctor's questions to the host."""

from __future__ import annotations

import os

from fairlead.linux import process

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": SEARCH_PATH, "LANG": "C"}


async def succeeds(*argv: str, stdin: str = "") -> tuple[bool, str]:
    """Whether the command ended with 0, and the last line of what it said."""
    try:
        done = await process.run(argv, stdin=stdin.encode(), env=ENVIRONMENT, timeout_s=10, check=False)
    except (OSError, process.ProcessFailed, TimeoutError) as error:
        return False, str(error)
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    return done.exit_code == 0, said.splitlines()[-1] if said else ""


async def said_by(*argv: str) -> str:
    """Everything the command printed, '' if it could not be run."""
    try:
        done = await process.run(argv, env=ENVIRONMENT, timeout_s=10, check=False)
    except (OSError, process.ProcessFailed, TimeoutError):
        return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def can_try() -> bool:
    """Whether we may make namespaces to try things in."""
    return os.geteuid() == 0
