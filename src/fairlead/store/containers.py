"""Rows of the `container` table ⇄ Container."""

from __future__ import annotations

from fairlead.model.container import Container
from fairlead.store import codec
from fairlead.store.database import Database

_PARTS = ("config", "host_config", "published", "remembered")
"""What hardly ever changes and is most of a record: kept as text, so that it is not made again each time a container
changes its state. (To write a text that did not change is cheap: 0.1 ms for 150 kB.)"""


class ContainerStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._parts: dict[str, dict[str, tuple[object, str]]] = {}
        """Container id → part → its value and the text of it."""

    def load(self) -> list[Container]:
        """Every container, oldest first."""
        rows = self._database.query("SELECT document FROM container")
        return sorted((codec.loads(Container, row["document"]) for row in rows), key=lambda c: c.created)

    def prepare(self, container: Container) -> None:
        """Makes the texts now, while there is time, of what is going to be saved."""
        self._texts(container)

    def save(self, container: Container) -> None:
        self._database.execute(
            "INSERT INTO container (id, name, document) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document",
            (container.id, container.name, self._document(container)),
        )

    def _document(self, container: Container) -> str:
        texts = self._texts(container)
        return f"{codec.dumps(container, without=_PARTS)[:-1]}{''.join(texts)}}}"

    def _texts(self, container: Container) -> list[str]:
        kept = self._parts.setdefault(container.id, {})
        texts = []
        for name in _PARTS:
            value = getattr(container, name)
            if name not in kept or kept[name][0] is not value:
                kept[name] = (value, f',"{name}":{codec.dumps(value)}')
            texts.append(kept[name][1])
        return texts

    def delete(self, container_id: str) -> None:
        self._parts.pop(container_id, None)
        self._database.execute("DELETE FROM container WHERE id = ?", (container_id,))
