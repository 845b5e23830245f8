"""Where a container's cgroup is, on v1, hybrid and v2 hosts: processes, out-of-memory kills, removal."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def version() -> int:
    """2 if the unified hierarchy is mounted at the root, else 1."""
    return 2 if (ROOT / "cgroup.controllers").exists() else 1


def controllers() -> list[Path]:
    """The mounted hierarchies: one on v2, one per controller on v1."""
    if version() == 2:
        return [ROOT]
    return [entry for entry in ROOT.iterdir() if entry.is_dir() and not entry.is_symlink() and entry.name != "unified"]


def swap_limits() -> bool:
    """Whether the kernel counts swap: where it does not, a limit of it is refused."""
    if version() == 2:
        own = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
        # The root itself has no limits: there the kernel's having swap at all must do.
        return (ROOT / own.lstrip("/") / "memory.swap.max").exists() or (own == "/" and Path("/proc/swaps").exists())
    return (ROOT / "memory" / "memory.memsw.limit_in_bytes").exists()


def processes(path: str) -> list[int]:
    """Process ids in the cgroup `path` (as in cgroupsPath) and below."""
    base = ROOT if version() == 2 else ROOT / "pids"
    if version() == 1 and not base.exists():
        base = ROOT / "memory"
    found: list[int] = []
    for folder in _tree(base / path.lstrip("/")):
        try:
            found += [int(line) for line in (folder / "cgroup.procs").read_text().split()]
        except OSError:
            continue  # just removed, or a threaded cgroup of v2
    # A process of a pid namespace that we cannot see shows as 0, which to kill(2) means ourselves.
    return [pid for pid in found if pid > 1]


def unlimit_processes(path: str) -> None:
    """In the cgroup `path`, where the kernel counts them."""
    base = ROOT if version() == 2 else ROOT / "pids"
    file = base / path.lstrip("/") / "pids.max"
    if file.exists():
        file.write_text("max")


def is_frozen(path: str) -> bool:
    """Whether all its processes stand still. The kernel gets there some time after it was asked."""
    try:
        if version() == 2:
            return "frozen 1" in (ROOT / path.lstrip("/") / "cgroup.events").read_text().splitlines()
        return (ROOT / "freezer" / path.lstrip("/") / "freezer.state").read_text().strip() == "FROZEN"
    except OSError:
        return True  # gone


def _tree(top: Path) -> list[Path]:
    """`top` and the directories below it, parents first."""
    return [Path(folder) for folder, _, _ in os.walk(top)]


def oom_kills(path: str) -> int:
    """How many processes of the cgroup the kernel killed for memory."""
    file = ROOT / path.lstrip("/") / "memory.events"
    if version() == 1:
        file = ROOT / "memory" / path.lstrip("/") / "memory.oom_control"
    try:
        rows = dict(line.split() for line in file.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(rows.get("oom_kill", 0))


def remove(path: str) -> None:
    """Removes an empty cgroup from every hierarchy; absent is fine, a busy one stays."""
    for hierarchy in controllers():
        target = hierarchy / path.lstrip("/")
        if _removed(target):
            continue
        for folder in reversed(_tree(target)):  # somebody made cgroups inside
            _removed(folder)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def children(path: str) -> set[str]:
    """Names of the cgroups directly below `path`, in any hierarchy."""
    names: set[str] = set()
    for hierarchy in controllers():
        folder = hierarchy / path.lstrip("/")
        if folder.is_dir():
            names |= {entry.name for entry in folder.iterdir() if entry.is_dir()}
    return names
