"""Makes a container's root the root of this process, with its volumes and binds where the container has them.

It happens in a mount namespace of its own, not in the container's: it is the same for a stopped container, and nothing
that a process inside mounts or hangs up can hold us. After the chroot no path leads out, whatever links the container
swaps meanwhile; no device node opens; and the kernel forgets it all when this process ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from fairlead.linux import trees

_SAFE = trees.NODEV | trees.NOSUID | trees.NOEXEC


def enter(root: str, mounts: Sequence[dict[str, Any]] = ()) -> None:
    """`mounts`: source on the host, target in the container, read_only. Those whose source is gone are left out."""
    trees.leave_mount_namespace()
    top = _tree(root, _SAFE)
    opened: list[tuple[int, str, bool]] = []
    for mount in sorted(mounts, key=lambda m: str(m["target"]).count("/")):
        with contextlib.suppress(FileNotFoundError):
            flags = _SAFE | (trees.RDONLY if mount["read_only"] else 0)
            opened.append((_tree(mount["source"], flags), mount["target"], os.path.isdir(mount["source"])))
    trees.attach(top, root)
    os.close(top)
    os.chroot(root)
    os.chdir("/")
    os.umask(0o022)
    # Nothing is imported from here on: it would come from the container.
    sys.path.clear()
    sys.path_importer_cache.clear()
    for tree, target, directory in opened:
        _make(target, directory=directory)
        trees.attach(tree, target)
        os.close(tree)


def _tree(path: str, flags: int) -> int:
    tree = trees.clone(path)
    trees.restrict(tree, flags)
    return tree


def _make(target: str, *, directory: bool) -> None:
    """The mount point, as the runtime makes it at the first start."""
    if os.path.exists(target):
        return
    os.makedirs(target if directory else os.path.dirname(target), mode=0o755, exist_ok=True)
    if not directory:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
