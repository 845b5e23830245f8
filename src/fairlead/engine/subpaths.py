"""Directories of volumes (`volume-subpath`): found inside the volume, and held by a mount of ours while the runtime
binds them, so that nobody who writes to the volume can put a link in their place in between."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from fairlead.errors import InvalidParameter
from fairlead.linux import files, mounts
from fairlead.model.container import Mount


@contextmanager
def held(wanted: Sequence[Mount], directory: Path) -> Iterator[tuple[Mount, ...]]:
    """The mounts, those with a subpath led to a place below `directory` that lasts as long as the block."""
    with ExitStack() as stack:
        yield tuple(
            _hold(mount, directory / f"subpath{number}", stack) if mount.subpath else mount
            for number, mount in enumerate(wanted)
        )


def _hold(mount: Mount, place: Path, stack: ExitStack) -> Mount:
    try:
        fd = files.open_in_root(Path(mount.source), mount.subpath, os.O_PATH)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InvalidParameter(f"cannot access path {mount.source}/{mount.subpath}: {reason}") from error
    try:
        place.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            place.mkdir()
        else:
            place.touch()
        mounts.bind(f"/proc/self/fd/{fd}", place, recursive=True)
    finally:
        os.close(fd)
    stack.callback(_release, place)
    return replace(mount, source=str(place))


def _release(place: Path) -> None:
    mounts.umount(place, lazy=True)
    place.rmdir() if place.is_dir() else place.unlink()
