"""The command line of crun; sole place that knows it, and that turns its errors into Docker's words."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from fairlead.errors import EngineError, InvalidParameter, SystemFailure
from fairlead.linux import process

_PREFIX = "failed to create task for container: failed to create shim task: OCI runtime create failed: "


def command(root: Path) -> list[str]:
    """crun with the options that go before its verb."""
    program = shutil.which("crun", path=process.PATH)
    if program is None:
        raise SystemFailure("crun not found in PATH: run `fairlead doctor`")
    return [program, "--root", str(root), "--cgroup-manager", "cgroupfs"]


def open_gate(state: Path) -> bool:
    """What `crun start` does, without a process of its own: the container's first process waits for a byte in a fifo,
    whose absence means "started". False if there is no such fifo, or nobody waits: crun itself knows why."""
    fifo = state / "exec.fifo"
    try:
        fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fifo.unlink()
        os.write(fd, b"\0")
    finally:
        os.close(fd)
    return True


def create_failure(message: str, argv0: str) -> EngineError:
    """Docker's text for a container that could not be made, so that its clients exit 126 or 127 as they should. A
    command that cannot be run is the request's fault."""
    text = _plain(message)
    reason = _reason(text, argv0)
    if not reason:
        return SystemFailure(f"{_PREFIX}{text}: unknown")
    return InvalidParameter(
        f"{_PREFIX}runc create failed: unable to start container process: "
        f"error during container init: {reason}: unknown"
    )


def exec_failure(message: str, argv0: str) -> str:
    """Docker's text for an exec whose process could not be started."""
    text = _plain(message)
    reason = _reason(text, argv0)
    if reason:
        text = f"unable to start container process: {reason}"
    return f"OCI runtime exec failed: exec failed: {text}: unknown"


def failure_code(message: str) -> int:
    """127 if there is no such program, else 126."""
    return 127 if "executable file not found" in message or "no such file or directory" in message else 126


def _plain(message: str) -> str:
    """crun's words without time stamps and JSON."""
    text = message.strip()
    if text.startswith("{"):
        found = re.search(r'"msg"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
        text = found[1] if found else text
    return re.sub(r"^\d{4}-\d\d-\d\dT\S+:?\s*", "", text)


def _reason(text: str, argv0: str) -> str:
    """The part of Docker's text that clients match on; '' if it is none of the known ones."""
    lower = text.lower()
    quoted = f'exec: "{argv0}": '
    if not argv0 and "exec" in lower:
        return f"{quoted}executable file not found in $PATH"
    if "executable file" in lower and "not found" in lower:
        if "/" in argv0:
            return f"{quoted}stat {argv0}: no such file or directory"
        return f"{quoted}executable file not found in $PATH"
    if found := re.match(r"chdir `(.*)`: (.*)", text):
        return f'chdir to cwd ("{found[1]}") set in config.json failed: {found[2].lower()}'
    if "open executable" in lower or ("permission denied" in lower and "exec" in lower):
        return f"{quoted}permission denied"
    if "is a directory" in lower:
        return f"{quoted}is a directory"
    if "no such file or directory" in lower and argv0 in text:
        return f"{quoted}stat {argv0}: no such file or directory"
    return ""
