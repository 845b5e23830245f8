"""What is mounted in a container, in order: Docker's standard mounts, the engine's files, the user's wishes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from fairlead.model.container import HostConfig, Mount, ReadOnlyBelow
from fairlead.runtime import tmpfs

Json = dict[str, Any]

_STANDARD: tuple[Json, ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
     "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
)  # fmt: skip


def render(host: HostConfig, mounts: Iterable[Mount], *, shm: str, own_network: bool) -> list[Json]:
    """`shm`: path of the /dev/shm that is shared with others, '' for one of its own."""
    custom = [*mounts, *(Mount(type="tmpfs", target=target, options=text) for target, text in host.tmpfs.items())]
    custom.sort(key=lambda mount: mount.target.rstrip("/").count("/"))
    taken = {mount.target.rstrip("/") for mount in custom}
    standard = _standard(host, shm=shm, own_network=own_network)
    return [
        *(mount for mount in standard if not _replaced(mount["destination"], taken)),
        *(_mount(mount) for mount in custom),
    ]


def _replaced(target: str, taken: set[str]) -> bool:
    return target in taken or ("/dev" in taken and target.startswith("/dev/"))


def _standard(host: HostConfig, *, shm: str, own_network: bool) -> list[Json]:
    out = [dict(mount) for mount in _STANDARD]
    if not own_network and not host.privileged:
        # A new sysfs wants a network namespace that is ours; without one the host's is bound.
        out[3] = {"destination": "/sys", "type": "bind", "source": "/sys",
                  "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]}  # fmt: skip
    if host.privileged:
        for mount in out:
            if mount["destination"] in ("/sys", "/sys/fs/cgroup"):
                mount["options"] = [o for o in mount["options"] if o != "ro"]
    if shm:
        out.append({"destination": "/dev/shm", "type": "bind", "source": shm,
                    "options": ["rbind", "nosuid", "noexec", "nodev"]})  # fmt: skip
    elif host.ipc_mode != "none":
        options = ["nosuid", "noexec", "nodev", "mode=1777", f"size={host.shm_size_bytes}"]
        out.append({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": options})
    return out


def _mount(mount: Mount) -> Json:
    if mount.type == "tmpfs":
        return {"destination": mount.target, "type": "tmpfs", "source": "tmpfs", "options": _tmpfs(mount)}
    propagation = mount.propagation or "rprivate"
    # An r in the propagation would make crun's bind a recursive one.
    options = ["rbind", propagation] if mount.recursive else ["bind", propagation.removeprefix("r")]
    if mount.read_only:
        below = mount.recursive and mount.read_only_below is not ReadOnlyBelow.NEVER
        # crun's recursive form takes directories alone; below a file there is nothing anyway.
        options.append("rro" if below and os.path.isdir(mount.source) else "ro")  # noqa: PTH112
    options += [word for word in _inherited(mount.source) if word not in options]
    return {"destination": mount.target, "type": "bind", "source": mount.source, "options": options}


def _inherited(source: str) -> list[str]:
    """What the mount that the source lies on forbids: crun's bind would allow it again."""
    try:
        flags = os.statvfs(source).f_flag
    except OSError:
        return []  # the runtime will say what is wrong with it
    forbidden = {"ro": os.ST_RDONLY, "nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV, "noexec": os.ST_NOEXEC}
    return [word for word, flag in forbidden.items() if flags & flag]


def _tmpfs(mount: Mount) -> list[str]:
    words = [mount.options, "ro" if mount.read_only else ""]
    words.append(f"size={mount.size_bytes}" if mount.size_bytes else "")
    words.append(f"mode={mount.mode:o}" if mount.mode else "")
    return tmpfs.options(",".join(filter(None, words)))


def root_propagation(mounts: Sequence[Mount]) -> str:
    """What the root must be so that mounts travel where the user wants them to: '' is private."""
    kinds = {mount.propagation.removeprefix("r") for mount in mounts if mount.type == "bind"}
    return "shared" if "shared" in kinds else "rslave" if "slave" in kinds else ""
