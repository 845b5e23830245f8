"""Rows of images, their references, layers and the build cache."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from fairlead.model.image import Image
from fairlead.model.registry import RemoteBlob, RemoteManifest
from fairlead.store import codec
from fairlead.store.database import Database


class ImageStore:
    def __init__(self, database: Database) -> None:
        self._db = database

    def load(self) -> list[Image]:
        """All images, with their references."""
        names: dict[str, list[str]] = {}
        for row in self._db.query("SELECT name, image_id FROM reference ORDER BY name"):
            names.setdefault(row["image_id"], []).append(row["name"])
        out = []
        for row in self._db.query("SELECT document FROM image WHERE NOT departed"):
            image = codec.loads(Image, row["document"])
            out.append(_with(image, names.get(image.id, ())))
        return out

    def departed(self) -> list[Image]:
        """Those that are deleted, but for the layers that containers need."""
        rows = self._db.query("SELECT document FROM image WHERE departed")
        return [_with(codec.loads(Image, row["document"]), ()) for row in rows]

    def put(self, image: Image, layers: Sequence[tuple[str, str, str, str, int]] = ()) -> None:
        """Stores an image and the layers (chain id, diff id, parent, directory, size) it brought."""
        with self._db.transaction():
            for chain, diff, parent, directory, size in layers:
                self._db.execute(
                    "INSERT OR IGNORE INTO layer VALUES (?, ?, ?, ?, ?)", (chain, diff, parent, directory, size)
                )
            self._db.execute(
                "INSERT OR REPLACE INTO image (id, parent, document) VALUES (?, ?, ?)",
                (image.id, image.parent, codec.dumps(_with(image, ()))),
            )
            for position, chain in enumerate(image.chain_ids):
                self._db.execute("INSERT OR REPLACE INTO image_layer VALUES (?, ?, ?)", (image.id, position, chain))

    def remove(self, image_id: str, held: Collection[str] = ()) -> dict[str, str]:
        """Deletes an image; returns the layers that nothing uses any more, with their directories. `held`: chain ids
        that stay nevertheless."""
        with self._db.transaction():
            self._forget(image_id)
            self._db.execute("DELETE FROM image_layer WHERE image_id = ?", (image_id,))
            self._db.execute("DELETE FROM image WHERE id = ?", (image_id,))
            return self._collect(held)

    def depart(self, image_id: str) -> None:
        """Deletes an image, but keeps its layers."""
        with self._db.transaction():
            self._forget(image_id)
            self._db.execute("UPDATE image SET departed = 1 WHERE id = ?", (image_id,))

    def _forget(self, image_id: str) -> None:
        for table in ("reference", "build_cache", "manifest"):
            self._db.execute(f"DELETE FROM {table} WHERE image_id = ?", (image_id,))

    def collect(self, held: Collection[str]) -> dict[str, str]:
        """Deletes layers that no image uses and nobody holds; returns them with their directories."""
        with self._db.transaction():
            return self._collect(held)

    def _collect(self, held: Collection[str]) -> dict[str, str]:
        unused = "chain_id NOT IN (SELECT chain_id FROM image_layer)"
        rows = self._db.query(f"SELECT chain_id, directory FROM layer WHERE {unused}")
        gone = {row["chain_id"]: row["directory"] for row in rows if row["chain_id"] not in held}
        for chain in gone:
            self._db.execute("DELETE FROM layer WHERE chain_id = ?", (chain,))
        if gone:
            self._db.execute("DELETE FROM remote_blob WHERE diff_id NOT IN (SELECT diff_id FROM layer)")
        return gone

    def know(self, blob: RemoteBlob) -> None:
        """Notes under which digest a registry has a layer."""
        self._db.execute(
            "INSERT OR REPLACE INTO remote_blob VALUES (?, ?, ?, ?, ?, ?)",
            (blob.diff_id, blob.domain, blob.repository, blob.digest, blob.size_bytes, blob.media_type),
        )

    def known(self, diff_id: str, domain: str) -> list[RemoteBlob]:
        """What a registry has of a layer."""
        rows = self._db.query("SELECT * FROM remote_blob WHERE diff_id = ? AND domain = ?", (diff_id, domain))
        return [
            RemoteBlob(
                diff_id=diff_id, domain=domain, repository=row["repository"], digest=row["digest"],
                size_bytes=row["size_bytes"], media_type=row["media_type"],
            )
            for row in rows
        ]  # fmt: skip

    def keep_manifest(self, image_id: str, kept: RemoteManifest) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?)",
            (image_id, kept.digest, kept.media_type, kept.document),
        )

    def manifests(self, image_id: str) -> list[RemoteManifest]:
        """Under which an image came."""
        rows = self._db.query("SELECT digest, media_type, document FROM manifest WHERE image_id = ?", (image_id,))
        return [RemoteManifest(**row) for row in rows]

    def reference(self, name: str, image_id: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO reference VALUES (?, ?)", (name, image_id))

    def unreference(self, name: str) -> None:
        self._db.execute("DELETE FROM reference WHERE name = ?", (name,))

    def directories(self, chains: Iterable[str]) -> dict[str, str]:
        """Directory of each known layer."""
        out = {}
        for chain in chains:
            for row in self._db.query("SELECT directory FROM layer WHERE chain_id = ?", (chain,)):
                out[chain] = row["directory"]
        return out

    def diff_ids(self) -> set[str]:
        """Of all layers, whatever they lie upon."""
        return {row["diff_id"] for row in self._db.query("SELECT DISTINCT diff_id FROM layer")}

    def chains(self) -> list[str]:
        """Every layer there is."""
        return [row["chain_id"] for row in self._db.query("SELECT chain_id FROM layer")]

    def directories_of(self, diff_id: str) -> list[str]:
        """Where a layer is, perhaps in several places: once for each chain below it."""
        return [row["directory"] for row in self._db.query("SELECT directory FROM layer WHERE diff_id = ?", (diff_id,))]

    def all_directories(self) -> set[str]:
        return {row["directory"] for row in self._db.query("SELECT directory FROM layer")}

    def layer_size(self, chain: str) -> int:
        rows = self._db.query("SELECT size_bytes FROM layer WHERE chain_id = ?", (chain,))
        return int(rows[0]["size_bytes"]) if rows else 0

    def bytes(self) -> int:
        """Of all layers together, each counted once."""
        return int(self._db.query("SELECT coalesce(sum(size_bytes), 0) AS total FROM layer")[0]["total"])

    def cached(self, key: str) -> str | None:
        rows = self._db.query("SELECT image_id FROM build_cache WHERE key = ?", (key,))
        return str(rows[0]["image_id"]) if rows else None

    def cache(self, key: str, image_id: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO build_cache VALUES (?, ?)", (key, image_id))


def _with(image: Image, names: Iterable[str]) -> Image:
    """Names with a digest are its digests, the others its references."""
    listed = list(names)
    return replace(
        image,
        references=tuple(name for name in listed if "@" not in name),
        digests=tuple(name for name in listed if "@" in name),
    )
