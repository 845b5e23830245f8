"""Rows of the `network` and `lease` tables ⇄ Network, Lease."""

from __future__ import annotations

import time
from ipaddress import ip_address

from fairlead.model.network import Lease, Network
from fairlead.store import codec
from fairlead.store.database import Database


class NetworkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> list[Network]:
        rows = self._database.query("SELECT document FROM network")
        return sorted((codec.loads(Network, row["document"]) for row in rows), key=lambda n: n.created)

    def save(self, network: Network) -> None:
        self._database.execute(
            "INSERT INTO network (id, name, document) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document",
            (network.id, network.name, codec.dumps(network)),
        )

    def delete(self, network_id: str) -> None:
        """The network and every lease on it."""
        with self._database.transaction():
            self._database.execute("DELETE FROM lease WHERE network_id = ?", (network_id,))
            self._database.execute("DELETE FROM network WHERE id = ?", (network_id,))

    def leases(self, network_id: str) -> list[Lease]:
        """Kept ones in the order in which they were let go: the first is the first to be taken away."""
        rows = self._database.query("SELECT * FROM lease WHERE network_id = ? ORDER BY released, name", (network_id,))
        return [Lease(network_id, row["name"], ip_address(row["address"]), bool(row["held"])) for row in rows]

    def save_lease(self, lease: Lease) -> None:
        """Also takes the address away from whoever had it kept; the name's other family stays as it is."""
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM lease WHERE network_id = ? AND address = ? AND name <> ?",
                (lease.network_id, str(lease.address), lease.name),
            )
            self._database.execute(
                "INSERT INTO lease (network_id, name, family, address, held) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (network_id, name, family) DO UPDATE SET address = excluded.address, held = excluded.held",
                (lease.network_id, lease.name, lease.address.version, str(lease.address), int(lease.held)),
            )

    def keep_lease(self, network_id: str, name: str) -> None:
        """The container is gone; its addresses stay with the name."""
        self._database.execute(
            "UPDATE lease SET held = 0, released = ? WHERE network_id = ? AND name = ?",
            (time.time_ns(), network_id, name),
        )

    def delete_lease(self, network_id: str, name: str) -> None:
        self._database.execute("DELETE FROM lease WHERE network_id = ? AND name = ?", (network_id, name))
