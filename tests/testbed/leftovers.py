"""What an engine has on the host at this moment, as comparable text: nothing left behind is a test of every test."""

from __future__ import annotations

import json
import re
from pathlib import Path

from testbed.engine import Engine
from testbed.host import mount_points


def snapshot(engine: Engine) -> dict[str, list[str]]:
    """Kind of thing → what there is of it."""
    host = engine.host.here
    links = json.loads(host.ip("-json", "link", "show"))
    fds = [str(fd.readlink()) for fd in Path(f"/proc/{engine.pid}/fd").iterdir() if fd.is_symlink()]
    return {
        "links": sorted(str(link["ifname"]) for link in links),
        "nft": rules(host.run("nft", "--stateless", "list", "ruleset")),
        # Only our own: a namespace begins as a copy of the machine's mounts, and those come and go.
        "mounts of the host": _below(engine.root, mount_points(host.pid)),
        "mounts of the daemon": _below(engine.root, mount_points(engine.pid)),
        "network namespaces held": sorted(fd for fd in fds if fd.startswith("net:")),
        "host ports held": _listeners(host.run("ss", "-Hltun")),
        "processes": [str(pid) for pid in engine.processes()],
        "cgroups": sorted(str(path) for path in engine.cgroups() if path.name != engine.instance),
        "containers on disk": _names(engine.data_root / "containers"),
        "bundles": _names(engine.exec_root / "containers"),
        "runtime states": _names(engine.exec_root / "crun"),
        "threads": [str(len(list(Path(f"/proc/{engine.pid}/task").iterdir())))],
    }


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """Readable lines; empty where both agree."""
    lines = []
    for kind, old in before.items():
        new = after[kind]
        lines += [f"{kind}: left behind: {item}" for item in new if item not in old]
        lines += [f"{kind}: gone: {item}" for item in old if item not in new]
    return lines


def rules(text: str) -> list[str]:
    """Elements of maps and sets become lines of their own, so that a difference names the element."""
    text = re.sub(
        r"elements = \{(.*?)\}",
        lambda m: "\n".join(p.strip() for p in m[1].split(",")),
        text,
        flags=re.DOTALL,
    )
    return [line.strip() for line in text.splitlines() if line.strip()]


def _listeners(text: str) -> list[str]:
    return sorted(" ".join(line.split()[:5:4]) for line in text.splitlines())


def _below(root: Path, points: list[str]) -> list[str]:
    return [point for point in points if Path(point).is_relative_to(root)]


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
