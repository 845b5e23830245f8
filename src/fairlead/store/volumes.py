"""Rows of the `volume` and `volume_user` tables ⇄ Volume, and which containers use it."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.model.volume import Volume
from fairlead.store import codec
from fairlead.store.database import Database


class VolumeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> list[Volume]:
        rows = self._database.query("SELECT document FROM volume ORDER BY name")
        return [codec.loads(Volume, row["document"]) for row in rows]

    def save(self, volume: Volume) -> None:
        self._database.execute(
            "INSERT INTO volume (name, document) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            (volume.name, codec.dumps(volume)),
        )

    def delete(self, name: str) -> None:
        with self._database.transaction():
            self._database.execute("DELETE FROM volume_user WHERE volume = ?", (name,))
            self._database.execute("DELETE FROM volume WHERE name = ?", (name,))

    def users(self) -> list[tuple[str, str]]:
        """(volume, container id) pairs."""
        rows = self._database.query("SELECT volume, container_id FROM volume_user")
        return [(row["volume"], row["container_id"]) for row in rows]

    def use(self, names: Iterable[str], container_id: str) -> None:
        with self._database.transaction():
            for name in names:
                self._database.execute(
                    "INSERT OR IGNORE INTO volume_user (volume, container_id) VALUES (?, ?)", (name, container_id)
                )

    def release(self, container_id: str) -> None:
        self._database.execute("DELETE FROM volume_user WHERE container_id = ?", (container_id,))
