"""All containers in memory, indexed by id, name, link name and id prefix; every change goes through to the store.

One table of names: a link name (`web/db`) is a name of its source. A link follows its source's name: when the source
is gone, the next container of that name takes its place in every link that waits for it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import replace

from fairlead.errors import Conflict, InvalidParameter, NotFound
from fairlead.model.container import Container, Link
from fairlead.store.containers import ContainerStore

_NO_IDS: frozenset[str] = frozenset()


class Registry:
    def __init__(self, store: ContainerStore) -> None:
        self._store = store
        self._containers: dict[str, Container] = {}
        self._sorted_ids: list[str] = []
        self._names: dict[str, str] = {}
        """Container name → id, reserved names included."""
        self._recipients: dict[str, set[str]] = {}
        """Source id → ids of containers with a link to it."""
        self._waiting: dict[str, set[str]] = {}
        """Name of a missing source → ids of containers that wait for it."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._watchers: list[Callable[[Container], None]] = []

    def load(self) -> None:
        """Fills the indexes from the store; links find their sources again by id, then by name."""
        for container in self._store.load():
            self._containers[container.id] = container
            insort(self._sorted_ids, container.id)
            self._names[container.name] = container.id
        for container in self._containers.values():
            self._index_links(container)
        for name in list(self._waiting):
            if name in self._names:
                self.rearm(self._containers[self._names[name]])

    # --- finding ----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Container]:
        """Oldest first. The iteration may change the registry."""
        return iter(list(self._containers.values()))

    def __len__(self) -> int:
        return len(self._containers)

    def get(self, ref: str) -> Container:
        """By full id, name, link name, or unique prefix of an id; a name beats a prefix."""
        if not ref:
            raise InvalidParameter('invalid name or ID supplied: ""')
        if (found := self._containers.get(ref)) is not None:
            return found
        name = ref.removeprefix("/")
        if (container_id := self._names.get(name)) in self._containers and container_id is not None:
            return self._containers[container_id]
        if "/" in name and (link := self.link(name)) is not None and link[1].source_id in self._containers:
            return self._containers[link[1].source_id]
        return self._by_prefix(ref)

    def _by_prefix(self, ref: str) -> Container:
        at = bisect_left(self._sorted_ids, ref)
        matches = [i for i in self._sorted_ids[at : at + 2] if i.startswith(ref)]
        if len(matches) > 1:
            raise InvalidParameter(f"multiple IDs found with provided prefix: {ref}")
        if not matches:
            raise NotFound(f"No such container: {ref}")
        return self._containers[matches[0]]

    def by_id(self, container_id: str) -> Container | None:
        return self._containers.get(container_id)

    def running(self, container_id: str) -> bool:
        found = self._containers.get(container_id)
        return found is not None and found.state.status.running

    def current(self, container: Container) -> Container:
        """The record as it is now. Raises if it was removed meanwhile."""
        found = self._containers.get(container.id)
        if found is None:
            raise NotFound(f"No such container: {container.id}")
        return found

    def lock(self, container_id: str) -> asyncio.Lock:
        """Held by whoever takes the container from one state to another."""
        return self._locks.setdefault(container_id, asyncio.Lock())

    def link(self, name: str) -> tuple[Container, Link] | None:
        """Recipient and link of `web/db`."""
        recipient_name, _, alias = name.removeprefix("/").partition("/")
        recipient = self._containers.get(self._names.get(recipient_name, ""))
        if recipient is None:
            return None
        return next(((recipient, link) for link in recipient.links if link.alias == alias), None)

    def recipients(self, source_id: str) -> list[tuple[Container, Link]]:
        """Every link to this source."""
        found = (self._containers[i] for i in self._recipients.get(source_id, _NO_IDS))
        return [(c, link) for c in found for link in c.links if link.source_id == source_id]

    def names(self, container: Container) -> tuple[str, ...]:
        """All names with leading slash, sorted bytewise."""
        own = f"/{container.name}"
        if container.id not in self._recipients:
            return (own,)
        return tuple(sorted([own, *(f"/{c.name}/{link.alias}" for c, link in self.recipients(container.id))]))

    def taken(self, name: str) -> bool:
        return name in self._names

    def watch(self, watcher: Callable[[Container], None]) -> None:
        """Is told of every record that changes."""
        self._watchers.append(watcher)

    def _tell(self, container: Container) -> None:
        for watcher in self._watchers:
            watcher(container)

    # --- changing ---------------------------------------------------------------------------------------------

    def reserve(self, name: str, container_id: str) -> None:
        """Takes a name. Raises Docker's conflict if another container has it."""
        owner = self._names.get(name)
        if owner is not None and owner != container_id:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        self._names[name] = container_id

    def release(self, name: str) -> None:
        self._names.pop(name, None)

    def add(self, container: Container) -> None:
        self._store.save(container)
        self._containers[container.id] = container
        insort(self._sorted_ids, container.id)
        self._names[container.name] = container.id
        self._index_links(container)
        self.rearm(container)

    def save(self, container: Container) -> Container:
        """Replaces the record."""
        before = self._containers[container.id]
        self._store.save(container)
        self._containers[container.id] = container
        if before.links != container.links:
            self._unindex_links(before)
            self._index_links(container)
        if before.name != container.name:
            self._names.pop(before.name, None)
            self._names[container.name] = container.id
            self._rename_source(container)
        self._tell(container)
        return container

    def note(self, container: Container) -> None:
        """Lets others see a record that is not yet to be stored: addresses of a container that is starting."""
        self._containers[container.id] = container
        self._tell(container)

    def prepare(self, container: Container) -> None:
        """It is going to be saved: what can be done for that beforehand."""
        self._store.prepare(container)

    def remove(self, container: Container) -> None:
        """The record goes, its name is free; links to it wait for the next container of the name."""
        self._store.delete(container.id)
        self._unindex_links(container)
        del self._containers[container.id]
        del self._sorted_ids[bisect_left(self._sorted_ids, container.id)]
        if self._names.get(container.name) == container.id:
            del self._names[container.name]
        self._locks.pop(container.id, None)
        for recipient_id in self._recipients.pop(container.id, set()):
            for link in self._containers[recipient_id].links:
                if link.source_id == container.id:
                    self._waiting.setdefault(link.source_name, set()).add(recipient_id)

    def rearm(self, source: Container) -> None:
        """Links that wait for this container's name get it as their source."""
        for recipient_id in self._waiting.pop(source.name, set()):
            recipient = self._containers[recipient_id]
            self.save(
                replace(
                    recipient,
                    links=tuple(
                        replace(link, source_id=source.id)
                        if link.source_name == source.name and link.source_id not in self._containers
                        else link
                        for link in recipient.links
                    ),
                )
            )

    def _rename_source(self, source: Container) -> None:
        for recipient in {c.id: c for c, _ in self.recipients(source.id)}.values():
            links = tuple(
                replace(link, source_name=source.name) if link.source_id == source.id else link
                for link in recipient.links
            )
            self.save(replace(recipient, links=links))
        self.rearm(source)

    def _index_links(self, container: Container) -> None:
        for link in container.links:
            if link.source_id in self._containers:
                self._recipients.setdefault(link.source_id, set()).add(container.id)
            else:
                self._waiting.setdefault(link.source_name, set()).add(container.id)

    def _unindex_links(self, container: Container) -> None:
        for link in container.links:
            for index, key in ((self._recipients, link.source_id), (self._waiting, link.source_name)):
                if (ids := index.get(key)) is not None:
                    ids.discard(container.id)
                    if not ids:
                        del index[key]
