"""What the tests of images share: what a store has on disk and in its tables, and images that are cheap to make."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

from testbed.engine import Engine, until

SNAPSHOTS_OWN = ("empty", "init")
"""What lies beside the layers for all containers."""


def disk(engine: Engine) -> list[str]:
    """Everything of images on disk: layers, blobs, and what should not be there, once removals have ended."""
    root = engine.data_root
    until(lambda: not list((root / "overlay2").glob("gone-*")), timeout_s=30, what="removal ends")
    layers = [f"overlay2/{path.name}" for path in (root / "overlay2").iterdir() if path.name not in SNAPSHOTS_OWN]
    return sorted([*layers, *(f"blobs/{path.name}" for path in (root / "blobs" / "sha256").iterdir())])


def import_image(engine: Engine, name: str, files: dict[str, bytes]) -> None:
    """An image of one layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
    engine.do("import", "-", name, stdin=out.getvalue())


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression makes fewer."""
    return random.Random(seed).randbytes(size)


def content(engine: Engine, image: str, path: str) -> bytes:
    """A file of an image, read from its topmost layer."""
    found = engine.json("GET", f"/images/{image}/json")
    for layer in sorted((engine.data_root / "overlay2").glob("layer-*")):
        file: Path = layer / "diff" / path
        if file.is_file() and found["RootFS"]["Layers"]:
            return file.read_bytes()
    raise AssertionError(f"{path} is in no layer")
