"""Where a container's cgroup is, on v1, hybrid and v2 hosts: processes, out-of-memory kills, removal, freezing."""

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


def processes(path: str) -> list[int]:
    """Process ids in the cgroup `path` (as in cgroupsPath) and below."""
    base = ROOT if version() == 2 else ROOT / "pids"
    if version() == 1 and not base.exists():
        base = ROOT / "memory"
    found: list[int] = []
    for folder, _, names in os.walk(base / path.lstrip("/")):
        if "cgroup.procs" in names:
            found += [int(line) for line in (Path(folder) / "cgroup.procs").read_text().split()]
    return found


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
        if not target.exists():
            continue
        for folder, _, _ in os.walk(target, topdown=False):
            try:
                os.rmdir(folder)  # noqa: PTH106  # os.walk gives text
            except OSError:
                continue


def children(path: str) -> set[str]:
    """Names of the cgroups directly below `path`, in any hierarchy."""
    names: set[str] = set()
    for hierarchy in controllers():
        folder = hierarchy / path.lstrip("/")
        if folder.is_dir():
            names |= {entry.name for entry in folder.iterdir() if entry.is_dir()}
    return names
