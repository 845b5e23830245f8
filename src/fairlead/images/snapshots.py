"""The writable layer of each container: overlayfs over its image's layers. `overlay2/<container>/{diff,work,merged}`.

Preparing is four mkdirs, mounting one mount(2): together a third of a millisecond.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.linux import files, mounts
from fairlead.model.image import Image

Change = tuple[int, str]
MODIFIED, ADDED, DELETED = 0, 1, 2


class Snapshots:
    """`directory_of` names the directory of a layer by chain id; `layer_diff` gives its tree."""

    def __init__(self, root: Path, directories: Callable[[Sequence[str]], list[Path]]) -> None:
        self._root = root
        self._directories = directories
        self._empty = root / "empty"

    def prepare(self, container_id: str, image: Image | None) -> None:
        """Makes the directories; remembers which layers are below."""
        lower = self._directories(image.chain_ids) if image else []
        base = self._root / container_id
        base.mkdir(mode=0o710)
        for name in ("diff", "work", "merged"):
            (base / name).mkdir(mode=0o755)
        source = lower[-1] if lower else None
        if source is not None:
            status = source.stat()
            os.chown(base / "diff", status.st_uid, status.st_gid)
            (base / "diff").chmod(stat.S_IMODE(status.st_mode))
        (base / "lower").write_text("\n".join(str(path) for path in (self._mark(), *reversed(lower))))

    def _mark(self) -> Path:
        """The layer between image and container, by which programs know that they are in a container: /.dockerenv."""
        marker = self._root / "init"
        if not marker.exists():
            marker.mkdir(mode=0o755)
            (marker / ".dockerenv").touch(mode=0o755)
        return marker

    def paths(self, container_id: str) -> dict[str, str]:
        """As inspect shows them (GraphDriver.Data)."""
        base = self._root / container_id
        lower = self._lower(container_id)
        return {
            "ID": container_id,
            "LowerDir": ":".join(map(str, lower)),
            "MergedDir": str(base / "merged"),
            "UpperDir": str(base / "diff"),
            "WorkDir": str(base / "work"),
        }

    def layers(self, container_id: str) -> list[Path]:
        """The trees below the container's own, the topmost first."""
        return self._lower(container_id)

    def _lower(self, container_id: str) -> list[Path]:
        try:
            text = (self._root / container_id / "lower").read_text()
        except FileNotFoundError as error:
            raise SystemFailure(f"the root file system of container {container_id} is gone") from error
        return [Path(line) for line in text.splitlines()]

    def upper(self, container_id: str) -> Path:
        return self._root / container_id / "diff"

    def merged(self, container_id: str) -> Path:
        return self._root / container_id / "merged"

    def mount(self, container_id: str) -> Path:
        """The merged tree. Mounted already is fine."""
        base = self._root / container_id
        merged = base / "merged"
        if os.path.ismount(merged):
            return merged
        lower = self._lower(container_id)
        if not lower:
            self._empty.mkdir(exist_ok=True)
            lower = [self._empty]
        try:
            mounts.overlay(lower, base / "diff", base / "work", merged)
        except OSError as error:
            raise SystemFailure(f"mount root file system of {container_id[:12]}: {error.strerror}") from error
        return merged

    def umount(self, container_id: str) -> None:
        """Not mounted is fine; a busy one is detached."""
        try:
            mounts.umount(self._root / container_id / "merged", lazy=True)
        except OSError as error:
            raise SystemFailure(f"unmount root file system of {container_id[:12]}: {error.strerror}") from error

    def remove(self, container_id: str) -> None:
        """Unmounts and deletes; absent is fine."""
        self.umount(container_id)
        files.remove_tree(self._root / container_id)

    def changes(self, container_id: str) -> list[Change]:
        """What the container added, modified and deleted, sorted by path."""
        upper, lower = self.upper(container_id), self._lower(container_id)
        out: list[Change] = []
        for folder, names, leaves in os.walk(upper):
            for name in sorted([*names, *leaves]):
                path = f"{folder}/{name}"
                relative = "/" + os.path.relpath(path, upper)
                status = os.lstat(path)
                below = any(os.path.lexists(f"{layer}{relative}") for layer in lower)
                if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                    out.append((DELETED, relative))
                else:
                    out.append((MODIFIED if below else ADDED, relative))
        return sorted(out, key=lambda change: change[1])

    def sweep(self, keep: set[str]) -> None:
        """Removes snapshots of containers that are not in `keep`."""
        for entry in self._root.iterdir():
            if len(entry.name) == 64 and entry.name not in keep:
                self.remove(entry.name)
