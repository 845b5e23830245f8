"""The writable layer of each container: overlayfs over its image's layers. `overlay2/<container>/{diff,work,merged}`.

Preparing is four mkdirs, mounting one mount(2): together a third of a millisecond.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.images.initlayer import InitLayers
from fairlead.linux import files, mounts
from fairlead.model.image import Image


class Snapshots:
    """`directory_of` names the directory of a layer by chain id; `layer_diff` gives its tree."""

    def __init__(self, root: Path, directories: Callable[[Sequence[str]], list[Path]]) -> None:
        self._root = root
        self._directories = directories
        self._between = InitLayers(root)
        self._empty = root / "empty"
        self._holders: dict[str, int] = {}
        self._leaving: set[str] = set()
        self._retired: dict[str, Callable[[], None]] = {}

    def prepare(self, container_id: str, image: Image | None, *, marked: bool = True) -> None:
        """Makes the directories; remembers which layers are below. `marked`: as a container's, with the init layer."""
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
        layers = tuple(str(path) for path in reversed(lower))
        between = [str(self._between.above(layers))] if marked else []
        (base / "lower").write_text("\n".join((*between, *layers)))

    def paths(self, container_id: str) -> dict[str, str]:
        """As inspect shows them (GraphDriver.Data)."""
        base = self._root / container_id
        lower = self.layers(container_id)
        return {
            "ID": container_id,
            "LowerDir": ":".join(map(str, lower)),
            "MergedDir": str(base / "merged"),
            "UpperDir": str(base / "diff"),
            "WorkDir": str(base / "work"),
        }

    def layers(self, container_id: str) -> list[Path]:
        """The trees below the container's own, the topmost first."""
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
        self._leaving.discard(container_id)
        base = self._root / container_id
        merged = base / "merged"
        if os.path.ismount(merged):
            return merged
        lower = self.layers(container_id)
        if not lower:
            self._empty.mkdir(exist_ok=True)
            lower = [self._empty]
        try:
            mounts.overlay(lower, base / "diff", base / "work", merged)
        except OSError as error:
            raise SystemFailure(f"mount root file system of {container_id[:12]}: {error.strerror}") from error
        return merged

    @contextmanager
    def held(self, container_id: str) -> Iterator[Path]:
        """The merged tree, which stays mounted for the block, whether the container starts or ends meanwhile. One
        overlay at a time: two over the same upper directory do not know of each other."""
        fresh = not os.path.ismount(self.merged(container_id))
        merged = self.mount(container_id)
        if fresh:
            self._leaving.add(container_id)
        self._holders[container_id] = self._holders.get(container_id, 0) + 1
        try:
            yield merged
        finally:
            self._holders[container_id] -= 1
            if not self._holders[container_id]:
                del self._holders[container_id]
                if container_id in self._leaving:
                    self.umount(container_id)
                if (dispose := self._retired.pop(container_id, None)) is not None:
                    dispose()

    def retire(self, container_id: str, dispose: Callable[[], None]) -> None:
        """Unmounts it for good and has it disposed of: now, or when the last who holds it lets go."""
        self.umount(container_id)
        if container_id in self._holders:
            self._retired[container_id] = dispose
        else:
            dispose()

    def umount(self, container_id: str) -> None:
        """Not mounted is fine; a busy one is detached. Somebody who holds it keeps it."""
        if container_id in self._holders:
            self._leaving.add(container_id)
            return
        self._leaving.discard(container_id)
        try:
            mounts.umount(self._root / container_id / "merged", lazy=True)
        except OSError as error:
            raise SystemFailure(f"unmount root file system of {container_id[:12]}: {error.strerror}") from error

    def remove(self, container_id: str) -> None:
        """Unmounts and deletes; absent is fine."""
        self.umount(container_id)
        files.remove_tree(self._root / container_id)

    def sweep(self, keep: set[str]) -> None:
        """Removes snapshots of containers that are not in `keep`."""
        for entry in self._root.iterdir():
            if len(entry.name) == 64 and entry.name not in keep:
                self.remove(entry.name)
