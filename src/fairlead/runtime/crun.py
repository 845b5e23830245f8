"""The command line of crun; sole place that knows it, and that turns its errors into Docker's words."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.linux import process

_PREFIX = "failed to create task for container: failed to create shim task: OCI runtime create failed: "


def command(root: Path) -> list[str]:
    """crun with the options that go before its verb."""
    program = shutil.which("crun", path=process.PATH)
    if program is None:
        raise SystemFailure("crun not found in PATH: run `fairlead doctor`")
    return [program, "--root", str(root), "--cgroup-manager", "cgroupfs"]


def create_failure(message: str, argv0: str) -> SystemFailure:
    """Docker's text for a container that could not be made, so that its clients exit 126 or 127 as they should."""
    text = message.strip()
    if text.startswith("{"):
        found = re.search(r'"msg"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
        text = found[1] if found else text
    text = re.sub(r"^\d{4}-\d\d-\d\dT\S+\s*", "", text)
    lower = text.lower()
    quoted = f'exec: "{argv0}": '
    if "not found in $path" in lower or ("executable file" in lower and "not found" in lower):
        reason = f"{quoted}executable file not found in $PATH"
    elif "no such file or directory" in lower and argv0 in text:
        reason = f"{quoted}stat {argv0}: no such file or directory"
    elif "permission denied" in lower and (argv0 in text or "open executable" in lower or "exec" in lower):
        reason = f"{quoted}permission denied"
    elif "is a directory" in lower:
        reason = f"{quoted}is a directory"
    else:
        return SystemFailure(f"{_PREFIX}{text}: unknown")
    return SystemFailure(f"{_PREFIX}runc create failed: unable to start container process: error during container "
                         f"init: {reason}: unknown")  # fmt: skip
