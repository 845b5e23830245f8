"""What a client sees of a container, and which containers a list shows. The filters are those of `docker ps`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from fairlead.engine import links, pruning
from fairlead.engine.registry import Registry
from fairlead.errors import EngineError, InvalidParameter
from fairlead.model.container import Container, Port, Status
from fairlead.model.request import ContainerView

Filters = Mapping[str, Sequence[str]]

_HEALTH = ("none", "starting", "healthy", "unhealthy")


def view(container: Container, registry: Registry, *, image: str = "") -> ContainerView:
    """As a list shows it; `image`: what its image is called now."""
    running = container.state.status.running
    return ContainerView(
        container=container,
        image=image or container.image,
        names=registry.names(container) if container.state.status is not Status.DEAD else (),
        links=link_texts(container, registry),
        published=container.published if running else (),
    )


def link_texts(container: Container, registry: Registry) -> tuple[str, ...]:
    """`/db:/web/db`, with the sources' present names."""
    found = []
    for link in container.links:
        source = registry.by_id(link.source_id)
        name = source.name if source is not None else link.source_name
        found.append(f"/{name}:{links.link_name(container.name, link.alias)}")
    return tuple(found)


class Selection:
    """The filters of one list request, checked before anything is looked at."""

    def __init__(
        self,
        filters: Filters,
        registry: Registry,
        *,
        ancestor: Callable[[str], str],
        descends: Callable[[str, str], bool],
        health: Callable[[Container], str],
    ) -> None:
        self._filters = {name: values for name, values in filters.items() if values}
        self._registry = registry
        self._health = health
        self._descends = descends
        self._task = pruning.truth(filters, "is-task", default=False)
        self._statuses = self._parse_statuses()
        self._exits = {_number(text, "exited") for text in self._filters.get("exited", ())}
        self._published = [span for text in self._filters.get("publish", ()) for span in parse_ports("publish", text)]
        self._exposed = [span for text in self._filters.get("expose", ()) for span in parse_ports("expose", text)]
        self._before = [self._reference(ref).created for ref in self._filters.get("before", ())]
        self._since = [self._reference(ref).created for ref in self._filters.get("since", ())]
        self._images = {ancestor(text) for text in self._filters.get("ancestor", ())}

    def _parse_statuses(self) -> set[str]:
        wanted = set(self._filters.get("status", ()))
        for text in sorted(wanted):
            if text not in [status.value for status in Status]:
                raise InvalidParameter(f"invalid filter 'status={text}'")
        for text in self._filters.get("health", ()):
            if text not in _HEALTH:
                raise InvalidParameter(f"invalid filter 'health={text}'")
        return wanted

    def _reference(self, ref: str) -> Container:
        return self._registry.get(ref)

    @property
    def wants_stopped(self) -> bool:
        """A status may be one of containers that do not run, so that `--all` goes without saying."""
        return bool(self._statuses)

    def __call__(self, seen: ContainerView) -> bool:
        return all(check(seen) for check in (self._by_identity, self._by_state, self._by_ports, self._by_things))

    def _by_identity(self, seen: ContainerView) -> bool:
        container = seen.container
        if (wanted := self._filters.get("id")) and not any(_pattern(text).search(container.id) for text in wanted):
            return False
        if wanted := self._filters.get("name"):
            patterns = [_pattern(text) for text in wanted]
            own = (container.name, f"/{container.name}")
            if not any(pattern.search(name) for pattern in patterns for name in own):
                return False
        if self._before and not all(container.created < moment for moment in self._before):
            return False
        return not self._since or all(container.created > moment for moment in self._since)

    def _by_state(self, seen: ContainerView) -> bool:
        state = seen.container.state
        if self._statuses and state.status.value not in self._statuses:
            return False
        if self._exits and (state.status.running or state.started_at is None or state.exit_code not in self._exits):
            return False
        if wanted := self._filters.get("health"):
            return (self._health(seen.container) or "none") in wanted
        return True

    def _by_ports(self, seen: ContainerView) -> bool:
        """Docker looks at the ports that a list shows, and takes either match."""
        if not self._published and not self._exposed:
            return True
        if not seen.container.state.status.running:
            return False
        bound = [Port(published.host_port, published.port.protocol) for published in seen.published]
        inside = [*seen.container.config.exposed_ports, *(published.port for published in seen.published)]
        return _within(self._published, bound) or _within(self._exposed, inside)

    def _by_things(self, seen: ContainerView) -> bool:
        container = seen.container
        if self._images and not any(self._descends(container.image_id, image) for image in self._images):
            return False
        if self._task:
            return False  # tasks are a swarm's
        if wanted := self._filters.get("network"):
            ends = container.endpoints
            if not any(text == end.network_name or end.network_id.startswith(text) for end in ends for text in wanted):
                return False
        if wanted := self._filters.get("volume"):
            mounts = {text for m in container.mounts for text in (m.name, m.target, m.source)}
            if not any(text in mounts for text in wanted):
                return False
        labels = container.config.labels
        return all(pruning.has_label(labels, text) for text in self._filters.get("label", ()))


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        return re.compile(re.escape(text))


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidParameter(f"invalid filter '{name}={text}'") from None


def parse_ports(name: str, text: str) -> list[tuple[int, int, str]]:
    """`80`, `80/udp`, `8000-8010/tcp` → (first, last, protocol)."""
    if ":" in text:
        raise InvalidParameter(f"filter for '{name}' should not contain ':': {text}")
    numbers, _, protocol = text.partition("/")
    first, dash, last = numbers.partition("-")
    try:
        low, high = int(first), int(last) if dash else int(first)
    except ValueError:
        raise InvalidParameter(f"invalid filter '{name}={text}'") from None
    return [(low, high, protocol or "tcp")]


def _within(spans: Iterable[tuple[int, int, str]], ports: Iterable[Port]) -> bool:
    have = list(ports)
    return any(low <= p.number <= high and p.protocol == protocol for low, high, protocol in spans for p in have)


def image_id(find: Callable[[str], str]) -> Callable[[str], str]:
    """An ancestor that is no image matches nothing."""

    def ancestor(text: str) -> str:
        try:
            return find(text)
        except EngineError:
            return text

    return ancestor
