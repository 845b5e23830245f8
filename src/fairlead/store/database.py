"""Opens the SQLite file that holds all durable state; sole importer of sqlite3 with its siblings in this package.

Calls are short and synchronous on the loop: a transaction is atomic because nothing awaits inside it.
WAL with synchronous=NORMAL: a killed process loses nothing; a power cut may lose the last moments, never consistency.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from fairlead.errors import SystemFailure


class Database:
    """One open database. Not thread-safe, by design: there is one thread."""

    def __init__(self, path: Path | str) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            self._migrate()
        except sqlite3.Error as error:
            raise SystemFailure(f"open state {path}: {error}") from error
        self._depth = 0

    def _migrate(self) -> None:
        have = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        folder = resources.files("fairlead.store").joinpath("migrations")
        steps = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name)
        for number, step in enumerate(steps, 1):
            if number > have:
                self._connection.executescript(
                    f"BEGIN IMMEDIATE;\n{step.read_text()}\nPRAGMA user_version={number};\nCOMMIT;"
                )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside happen, or none. Nested uses join the outermost. Never await inside."""
        if self._depth:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._depth = 0

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> int:
        """Runs one statement; returns how many rows it changed."""
        try:
            return self._connection.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise SystemFailure(f"write state: {error}") from error

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise SystemFailure(f"read state: {error}") from error

    def close(self) -> None:
        self._connection.close()
