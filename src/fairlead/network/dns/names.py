"""Who answers to which name, seen from where. Pure.

A look-up goes through the asker's networks in order, and the first that knows the name answers. There its link
aliases come first (they are private to the asker, and win over shared names), then the names that everybody has on
that network. Letter case is all one; but of two aliases that differ in nothing else, the one that was typed. `a.b` is
tried as a whole, then as `a` on network `b`. On the default bridge an asker sees itself and what it is linked to,
nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from fairlead.model.container import Port

Address = IPv4Address | IPv6Address
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A container on one network. The first of its names is what a reverse look-up tells."""

    container_id: str
    network_id: str
    names: tuple[str, ...]
    addresses: tuple[Address, ...]
    ports: frozenset[Port] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One network of an asker."""

    network_id: str
    network: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Link alias, as typed and in lower case → id of the source, or a name of it where no such container exists yet."""
    reach: frozenset[str] | None = None
    """Ids of the containers it may know of; None = all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one asker sees."""

    sights: tuple[Sight, ...] = ()
    fixed: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    """--add-host and names of the host, in lower case."""


@dataclass(slots=True)
class _Members:
    """One network's containers by id, by name in lower case, and by address."""

    by_id: dict[str, Presence] = field(default_factory=dict)
    by_name: dict[str, dict[str, Presence]] = field(default_factory=dict)
    by_address: dict[Address, dict[str, Presence]] = field(default_factory=dict)


_NOBODY = _Members()


class Names:
    def __init__(self) -> None:
        self.version = 0
        """Grows with every change: what was prepared for an earlier one is void."""
        self._networks: dict[str, _Members] = {}
        self._views: dict[str, View] = {}
        self._presences: dict[str, tuple[Presence, ...]] = {}

    # --- changing ---------------------------------------------------------------------------------------------

    def put(self, container_id: str, view: View, presences: tuple[Presence, ...]) -> bool:
        """The container is there now, as told; False if that is no news."""
        if self._views.get(container_id) == view and self._presences.get(container_id) == presences:
            return False
        self._forget(container_id)
        self._views[container_id] = view
        self._presences[container_id] = presences
        for presence in presences:
            members = self._networks.setdefault(presence.network_id, _Members())
            members.by_id[container_id] = presence
            for name in presence.names:
                members.by_name.setdefault(name.lower(), {})[container_id] = presence
            for address in presence.addresses:
                members.by_address.setdefault(address, {})[container_id] = presence
        self.version += 1
        return True

    def drop(self, container_id: str) -> bool:
        """The container is gone; False if it was not there."""
        known = self._views.pop(container_id, None) is not None
        self._forget(container_id)
        self.version += known
        return known

    def _forget(self, container_id: str) -> None:
        for presence in self._presences.pop(container_id, ()):
            members = self._networks[presence.network_id]
            members.by_id.pop(container_id, None)
            for name in presence.names:
                _discard(members.by_name, name.lower(), container_id)
            for address in presence.addresses:
                _discard(members.by_address, address, container_id)
            if not members.by_id:
                del self._networks[presence.network_id]

    # --- asking -----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Presence]:
        """Everybody, everywhere."""
        for presences in self._presences.values():
            yield from presences

    def find(self, asker: str, name: str) -> tuple[Presence, ...]:
        """Who has this name for this asker; nobody means that others have to be asked."""
        view = self._views.get(asker)
        if view is None or not name:
            return ()
        if (addresses := view.fixed.get(name.lower())) is not None:
            return (Presence(container_id="", network_id="", names=(name,), addresses=addresses),)
        for sight in view.sights:
            if found := self._on(sight, name):
                return found
        at = name.rfind(".")
        while at > 0:
            for sight in view.sights:
                if sight.network.lower() == name[at + 1 :].lower() and (found := self._on(sight, name[:at])):
                    return found
            at = name.rfind(".", 0, at)
        return ()

    def _on(self, sight: Sight, name: str) -> tuple[Presence, ...]:
        members = self._networks.get(sight.network_id, _NOBODY)
        target = sight.aliases.get(name) or sight.aliases.get(name.lower())
        if target is not None:
            if (source := members.by_id.get(target)) is not None:
                return (source,)
            name = target
        found = members.by_name.get(name.lower(), {}).values()
        return tuple(presence for presence in found if sight.reach is None or presence.container_id in sight.reach)

    def reverse(self, asker: str, address: Address) -> tuple[str, ...]:
        """`db.shop` for an address, on the networks of the asker."""
        view = self._views.get(asker)
        for sight in view.sights if view is not None else ():
            members = self._networks.get(sight.network_id, _NOBODY)
            found = members.by_address.get(address, {}).values()
            seen = [p for p in found if sight.reach is None or p.container_id in sight.reach]
            if seen:
                return tuple(f"{presence.names[0]}.{sight.network}" for presence in seen)
        return ()


def _discard(index: dict[_Key, dict[str, Presence]], key: _Key, container_id: str) -> None:
    entry = index.get(key)
    if entry is not None:
        entry.pop(container_id, None)
        if not entry:
            del index[key]
