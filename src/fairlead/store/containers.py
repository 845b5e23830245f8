"""Rows of the `container` table ⇄ Container."""

from __future__ import annotations

from fairlead.model.container import Container
from fairlead.store import codec
from fairlead.store.database import Database


class ContainerStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> list[Container]:
        """Every container, oldest first."""
        rows = self._database.query("SELECT document FROM container")
        return sorted((codec.loads(Container, row["document"]) for row in rows), key=lambda c: c.created)

    def save(self, container: Container) -> None:
        self._database.execute(
            "INSERT INTO container (id, name, document) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document",
            (container.id, container.name, codec.dumps(container)),
        )

    def delete(self, container_id: str) -> None:
        self._database.execute("DELETE FROM container WHERE id = ?", (container_id,))
