"""Rows of the `container` table ⇄ Container."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairlead.model.container import Config, Container, HostConfig
from fairlead.store import codec
from fairlead.store.database import Database

_EMPTY, _EMPTY_HOST = Config(), HostConfig()
_NOTHING = '"config":{},"host_config":{}'


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The half of a record that hardly ever changes, and is most of it: kept as text, so that it is not made again
    each time a container changes its state."""

    config: Config
    host_config: HostConfig

    def holds(self, container: Container) -> bool:
        return self.config is container.config and self.host_config is container.host_config


class ContainerStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._fixed: dict[str, tuple[_Fixed, str]] = {}

    def load(self) -> list[Container]:
        """Every container, oldest first."""
        rows = self._database.query("SELECT document FROM container")
        return sorted((codec.loads(Container, row["document"]) for row in rows), key=lambda c: c.created)

    def save(self, container: Container) -> None:
        self._database.execute(
            "INSERT INTO container (id, name, document) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document",
            (container.id, container.name, self._document(container)),
        )

    def _document(self, container: Container) -> str:
        fixed, text = self._fixed.get(container.id, (None, ""))
        if fixed is None or not fixed.holds(container):
            fixed = _Fixed(container.config, container.host_config)
            text = codec.dumps(fixed)[1:-1]
            self._fixed[container.id] = (fixed, text)
        rest = codec.dumps(replace(container, config=_EMPTY, host_config=_EMPTY_HOST))
        return rest.replace(_NOTHING, text, 1)

    def delete(self, container_id: str) -> None:
        self._fixed.pop(container_id, None)
        self._database.execute("DELETE FROM container WHERE id = ?", (container_id,))
