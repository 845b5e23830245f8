"""Sizes of directory trees, walked in slices, so that nobody waits for a large one."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from fairlead.linux import files

_SLICE = 256


async def size(path: Path) -> int:
    """Bytes of the files below `path`, each once however many names it has; directories count nothing."""
    total, looked = 0, 0
    seen: set[tuple[int, int]] = set()
    folders = [str(path)]
    while folders:
        for info, name in _entries(folders.pop()):
            if stat.S_ISDIR(info.st_mode):
                folders.append(name)
            elif info.st_nlink == 1 or (info.st_dev, info.st_ino) not in seen:
                seen.add((info.st_dev, info.st_ino))
                total += info.st_size
            looked += 1
            if looked % _SLICE == 0:
                await asyncio.sleep(0)
    return total


def _entries(folder: str) -> list[tuple[os.stat_result, str]]:
    """What is there at this moment; a tree may change under way."""
    found = []
    try:
        fd = files.open_directory(folder)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    try:
                        found.append((entry.stat(follow_symlinks=False), f"{folder}/{entry.name}"))
                    except FileNotFoundError:
                        continue
        finally:
            os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return found
