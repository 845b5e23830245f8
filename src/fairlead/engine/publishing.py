"""Host ports of a container that exists: added and removed while it runs, and kept over its restarts.

Does everything or nothing: what was published before stays reachable if a new port cannot be had.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from fairlead import steps
from fairlead.engine import listing
from fairlead.engine.connect import Connector
from fairlead.engine.events import Events
from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.errors import Conflict, InvalidParameter, NotFound
from fairlead.model.container import Container, Port, PortBinding, PublishedPort, Status
from fairlead.model.network import MODE_LABEL
from fairlead.model.request import ContainerView, PortChange
from fairlead.network import wishes

Bindings = dict[Port, tuple[PortBinding, ...]]


class Publisher:
    def __init__(self, registry: Registry, connector: Connector, linker: Linker, events: Events) -> None:
        self._registry = registry
        self._connector = connector
        self._linker = linker
        self._events = events

    async def change(self, ref: str, change: PortChange) -> ContainerView:
        found = self._registry.get(ref)
        async with self._registry.lock(found.id):
            now = self._registry.current(found)
            _check(now)
            after, gone = planned(now, change)
            if now.state.status in (Status.RUNNING, Status.PAUSED):
                after = self._live(now, after, change, gone)
            else:
                kept = tuple(item for item in after.remembered if item not in gone)
                after = self._registry.save(replace(after, remembered=kept))
                self._connector.keep_in_mind(after)
        self._events.container(after, "update")
        return listing.view(after, self._registry)

    def _live(
        self, now: Container, after: Container, change: PortChange, gone: tuple[PublishedPort, ...]
    ) -> Container:
        gateway = self._connector.gateway_endpoint(now)
        if gateway is None:
            return self._registry.save(after)
        with ExitStack() as undo:
            new = steps.finish(self._connector.take(after, gateway, change.add, exposed=change.add))
            undo.callback(self._connector.unpublish, gateway, new, kept=now.published)
            kept = [item for item in now.published if item not in gone]
            after = self._registry.save(replace(after, published=(*kept, *new)))
            undo.callback(self._registry.save, now)
            self._linker.refresh(after)
            undo.callback(self._linker.refresh, now)
            self._connector.activate(gateway, new)
            undo.pop_all()
        self._connector.unpublish(gateway, gone, kept=after.published)
        return after


def _check(container: Container) -> None:
    mode = container.host_config.network_mode
    if mode == "host" or mode.startswith("container:"):
        kind = "host" if mode == "host" else "container"
        raise InvalidParameter(f"conflicting options: port publishing and the {kind} type network mode")
    if container.state.status in (Status.REMOVING, Status.DEAD):
        raise Conflict(f"container is marked for removal and cannot be changed: {container.id}")


def planned(container: Container, change: PortChange) -> tuple[Container, tuple[PublishedPort, ...]]:
    """The record with the change, and which published ports go. A port that is not published cannot be removed."""
    host, config = container.host_config, container.config
    bindings: Bindings = dict(host.port_bindings)
    publish_all = host.publish_all_ports
    gone: list[PublishedPort] = []
    for port, patterns in change.remove.items():
        for pattern in patterns or (PortBinding(),):
            if port not in bindings and publish_all and port in config.exposed_ports:
                bindings |= {p: (PortBinding(),) for p in config.exposed_ports if p not in bindings}
                publish_all = False
            gone += _without(bindings, port, pattern, container)
    lost = {f"{MODE_LABEL}.{port}" for port in change.remove if port not in bindings}
    labels = {name: value for name, value in config.labels.items() if name not in lost}
    for port, more in change.add.items():
        bindings[port] = (*bindings.get(port, ()), *(more or (PortBinding(),)))
        if change.mode is not None:
            labels[f"{MODE_LABEL}.{port}"] = change.mode.value
    after = replace(
        container,
        config=replace(config, exposed_ports=config.exposed_ports | frozenset(change.add), labels=labels),
        host_config=replace(host, port_bindings=bindings, publish_all_ports=publish_all),
    )
    return after, tuple(gone)


def _without(bindings: Bindings, port: Port, pattern: PortBinding, container: Container) -> list[PublishedPort]:
    """Takes the bindings that the pattern means out of `bindings`; what was published for them."""
    held = (*container.published, *container.remembered)
    meant = [b for b in bindings.get(port, ()) if _means(pattern, b, [p for p in held if p.port == port])]
    if not meant:
        where = f"{pattern.host_ip}:{pattern.host_port}:" if pattern.host_ip or pattern.host_port else ""
        raise NotFound(f"no public port '{where.removeprefix(':')}{port}' published for {container.name}")
    if pattern.host_port:
        meant = meant[:1]
    rest = list(bindings[port])
    for binding in meant:
        rest.remove(binding)
    bindings[port] = tuple(rest)
    if not rest:
        del bindings[port]
    numbers = {pattern.host_port} if pattern.host_port else None
    return [
        item
        for item in held
        if item.port == port
        and (item.host_port or not rest)
        and any(wishes.covers(binding, item) for binding in meant)
        and (numbers is None or not item.host_port or str(item.host_port) in numbers)
    ]


def _means(pattern: PortBinding, binding: PortBinding, held: list[PublishedPort]) -> bool:
    if pattern.host_ip and pattern.host_ip != binding.host_ip:
        return False
    if not pattern.host_port or pattern.host_port == binding.host_port:
        return True
    number = pattern.host_port
    return any(str(item.host_port) == number and wishes.covers(binding, item) for item in held)

