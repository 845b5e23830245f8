"""Writes the tar of `save`: documents given as text, layers made again from recipe and tree.

Each layer is checked against its digest while it passes; a layer that was damaged on disk is not handed on.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairlead.images.worker import recipe


def run(members: list[dict[str, Any]], write: Callable[[bytes], object]) -> None:
    for member in members:
        _member(member, write)
    write(b"\0" * 1024)


def _member(member: dict[str, Any], write: Callable[[bytes], object]) -> None:
    info = tarfile.TarInfo(member["name"])
    info.mode, info.mtime = 0o644, member.get("mtime", 0)
    if member.get("directory"):
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    data = member["text"].encode() if "text" in member else b""
    info.size = len(data) if "text" in member else member.get("size", 0)
    write(info.tobuf(tarfile.PAX_FORMAT))
    if "tree" in member:
        _layer(member, write)
    else:
        write(data)
    write(b"\0" * (-info.size % tarfile.BLOCKSIZE))


def _layer(member: dict[str, Any], write: Callable[[bytes], object]) -> None:
    digest = hashlib.sha256()

    def pass_on(data: bytes) -> None:
        digest.update(data)
        write(data)

    size = recipe.replay(Path(member["recipe"]), Path(member["tree"]), pass_on)
    if size != member["size"] or "sha256:" + digest.hexdigest() != member["digest"]:
        raise ValueError(f"layer {member['digest']} is damaged on disk")
