"""Which cgroup version the host mounts, and whether the controllers that limits need are there."""

from __future__ import annotations

from pathlib import Path

from fairlead.daemon.checks.finding import Finding, missing, note, ok

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "pids")
MEND_V1 = "boot with systemd.unified_cgroup_hierarchy=1, or mount the controllers below /sys/fs/cgroup"


def findings(root: Path = ROOT) -> list[Finding]:
    if (root / "cgroup.controllers").exists():
        return [ok("cgroup version", "2"), _v2_controllers((root / "cgroup.controllers").read_text().split())]
    mounted = {name for path in _directories(root) for name in path.name.split(",")}
    if not mounted:
        return [missing("cgroup version", f"nothing mounted on {root}", "mount -t cgroup2 none /sys/fs/cgroup")]
    return [ok("cgroup version", "1 (hybrid)" if "unified" in mounted else "1"), *_v1(root, mounted)]


def _v2_controllers(present: list[str]) -> Finding:
    lacking = [name for name in CONTROLLERS if name not in present]
    if lacking:
        return note(
            "cgroup controllers", f"no {', '.join(lacking)}: these limits have no effect", "a kernel that has them"
        )
    return ok("cgroup controllers", " ".join(CONTROLLERS))


def _v1(root: Path, mounted: set[str]) -> list[Finding]:
    found = []
    lacking = [name for name in CONTROLLERS if name not in mounted]
    if lacking:
        found.append(note("cgroup controllers", f"no {', '.join(lacking)}: these limits have no effect", MEND_V1))
    else:
        found.append(ok("cgroup controllers", " ".join(CONTROLLERS)))
    unified = root / "unified" / "cgroup.controllers"
    if unified.exists() and unified.read_text().split():
        # crun up to 1.8 takes such a mount for a pure v2 host and gives up.
        held = " ".join(unified.read_text().split())
        found.append(
            note("hybrid cgroups", f"the v2 mount carries {held}: hidden from crun in a mount namespace of ours")
        )
    return found


def _directories(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
