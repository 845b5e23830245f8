"""Who runs us, on which Python, with which rights, and where containers are to be kept."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from fairlead.daemon.checks.finding import Finding, Packages, missing, note, ok
from fairlead.model.settings import Settings

NEEDED_CAPABILITIES = {12: "CAP_NET_ADMIN", 18: "CAP_SYS_CHROOT", 21: "CAP_SYS_ADMIN", 27: "CAP_MKNOD"}
CAP_SYS_RESOURCE = 24
GIB = 1 << 30

PYTHON_MODULES = {
    "h11": Packages(apt="python3-h11", dnf="python3-h11", apk="py3-h11", pacman="python-h11"),
    "zstandard": Packages(
        apt="python3-zstandard", dnf="python3-zstandard", apk="py3-zstandard", pacman="python-zstandard"
    ),
}


def findings() -> list[Finding]:
    return [_python(), *_modules(), _rights(), *_resource_right(), _storage(Settings().data_root)]


def _python() -> Finding:
    # An interpreter older than 3.11 could not have imported this module: scripts/setup is what looks for one.
    return ok("python", f"{platform.python_version()} ({sys.executable})")


def _modules() -> list[Finding]:
    found = []
    for name, packages in PYTHON_MODULES.items():
        if importlib.util.find_spec(name) is not None:
            found.append(ok(f"python module {name}"))
        else:
            found.append(missing(f"python module {name}", "not importable", f"make setup, or install {packages}"))
    return found


def capabilities(status: str) -> int:
    """The effective set, out of the text of /proc/self/status."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _rights() -> Finding:
    held = capabilities(Path("/proc/self/status").read_text())
    lacking = [name for bit, name in NEEDED_CAPABILITIES.items() if not held >> bit & 1]
    if os.geteuid() != 0:
        return note(
            "rights", "not root: some checks below only read /proc", "run `sudo fairlead doctor` for all of them"
        )
    if lacking:
        return missing(
            "rights", f"root without {', '.join(lacking)}", "run on the host itself, not in a restricted container"
        )
    return ok("rights", "root with all capabilities needed")


def _resource_right() -> list[Finding]:
    if os.geteuid() != 0 or capabilities(Path("/proc/self/status").read_text()) >> CAP_SYS_RESOURCE & 1:
        return []
    return [note("resource limits", "no CAP_SYS_RESOURCE: a container cannot get higher limits than the daemon has")]


def _storage(root: Path) -> Finding:
    existing = root
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    detail = f"{root}: {free / GIB:.0f} GiB free"
    if free < GIB:
        return note("storage", detail, "free some space, or give the daemon another --data-root")
    return ok("storage", detail)
