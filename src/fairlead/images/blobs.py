"""Content-addressed files, `blobs/sha256/<hex>`: image configurations and manifests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.linux import files


class Blobs:
    def __init__(self, root: Path) -> None:
        self._root = root / "sha256"
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, digest: str) -> Path:
        return self._root / digest.removeprefix("sha256:")

    def put(self, data: bytes) -> str:
        """Stores bytes under their digest, which it returns."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if not self.path(digest).exists():
            files.write_atomic(self.path(digest), data, mode=0o600)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes, checked against the digest."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise SystemFailure(f"blob {digest} is missing from the store") from error
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise SystemFailure(f"blob {digest} is damaged on disk")
        return data

    def sweep(self, keep: set[str]) -> None:
        for entry in self._root.iterdir():
            if f"sha256:{entry.name}" not in keep:
                entry.unlink()

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)
