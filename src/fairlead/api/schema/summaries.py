"""The body of /containers/json, quickly: what does not change with time is rendered once per stored record.

A record is immutable and replaced as a whole, so identity of the record (and equality of the few members known
only while looking) tells whether a kept text still holds. Only the STATUS text is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.api.schema import container as schema
from fairlead.model.container import Container
from fairlead.model.request import ContainerView

_MARK = "@status@"
_SPARE = 32
_PATIENCE = 16
"""Lists until the older generation is given up."""


@dataclass(frozen=True, slots=True)
class _Kept:
    container: Container
    names: tuple[str, ...]
    image: str
    published: object
    sizes: tuple[int | None, int | None]
    version: tuple[int, int]
    before: str
    after: str

    def holds(self, view: ContainerView, version: tuple[int, int]) -> bool:
        return (
            self.container is view.container
            and self.names == view.names
            and self.image == view.image
            and self.published == view.published
            and self.sizes == (view.size_rw_bytes, view.size_root_bytes)
            and self.version == version
        )


class Summaries:
    """Two generations of texts: when the younger holds more than is listed, some of it is of containers that are gone,
    or another list was longer; what the next few lists do not ask for goes with the older."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._older: dict[str, _Kept] = {}
        self._lists = 0
        self.rendered = 0
        """How many texts had to be made, ever."""

    @property
    def size(self) -> int:
        """How many texts are kept."""
        return len(self._kept.keys() | self._older.keys())

    def render(self, views: Sequence[ContainerView], version: tuple[int, int]) -> bytes:
        if len(self._kept) > len(views) + len(views) // 4 + _SPARE:
            self._kept, self._older, self._lists = {}, self._kept, 0
        self._lists += 1
        if self._lists > _PATIENCE:
            self._older = {}
        now = schema.now()
        entries = []
        for view in views:
            known = self._known(view, version)
            entries.append(f"{known.before}{json.dumps(schema.status_text(view, now))}{known.after}")
        return f"[{','.join(entries)}]\n".encode()

    def _known(self, view: ContainerView, version: tuple[int, int]) -> _Kept:
        known = self._kept.get(view.container.id) or self._older.pop(view.container.id, None)
        if known is None or not known.holds(view, version):
            known = _keep(view, version)
            self.rendered += 1
        self._kept[view.container.id] = known
        return known


def _keep(view: ContainerView, version: tuple[int, int]) -> _Kept:
    summary = schema.render_summary(view, version, schema.now()) | {"Status": _MARK}
    text = json.dumps(summary, separators=(",", ":"), ensure_ascii=False)
    before, _, after = text.rpartition(f'"{_MARK}"')
    return _Kept(
        view.container,
        view.names,
        view.image,
        view.published,
        (view.size_rw_bytes, view.size_root_bytes),
        version,
        before,
        after,
    )
