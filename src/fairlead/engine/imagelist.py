"""Which images a list shows, and under which names: the filters of `docker images`.

Rules: moby, daemon/images/images.go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fairlead import patterns
from fairlead.engine import pruning
from fairlead.errors import InvalidParameter
from fairlead.model.image import Image

Filters = Mapping[str, Sequence[str]]
_KNOWN = ("before", "dangling", "label", "reference", "since", "until")


class Selection:
    """The filters of one request, checked before anything is looked at. `find` gives the image of a name."""

    def __init__(self, filters: Filters, find: Callable[[str], Image], now: datetime) -> None:
        for name in filters:
            if name not in _KNOWN:
                raise InvalidParameter(f"invalid filter '{name}'")
        self._dangling = pruning.truth(filters, "dangling", default=False) if filters.get("dangling") else None
        self._labels = filters.get("label", ())
        before = [find(ref).created for ref in filters.get("before", ())]
        before += [pruning.moment(text, now) for text in filters.get("until", ())]
        since = [find(ref).created for ref in filters.get("since", ())]
        self._before = min((moment for moment in before if moment is not None), default=None)
        self._since = max((moment for moment in since if moment is not None), default=None)
        self._references = [_matcher(pattern) for pattern in filters.get("reference", ())]

    def shown(self, image: Image, *, top: bool, every: bool) -> Image | None:
        """With the names that were asked for, or not at all. `top`: no image was built upon it."""
        if not self._fits(image):
            return None
        if self._references:
            image = replace(
                image,
                references=tuple(filter(self._asked, image.references)),
                digests=tuple(filter(self._asked, image.digests)),
            )
        if not image.references and not image.digests:
            return image if self._without_name(top=top, every=every) else None
        return None if self._dangling and image.references else image

    def _without_name(self, *, top: bool, every: bool) -> bool:
        if self._references or self._dangling is False:
            return False
        return top or (every and not self._dangling)

    def _fits(self, image: Image) -> bool:
        made = image.created
        if self._before is not None and (made is None or made >= self._before):
            return False
        if self._since is not None and (made is None or made <= self._since):
            return False
        return all(pruning.has_label(image.config.labels, text) for text in self._labels)

    def _asked(self, name: str) -> bool:
        repository = name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
        return any(matches(name) or matches(repository) for matches in self._references)


def _matcher(pattern: str) -> Callable[[str], object]:
    try:
        return patterns.wildcard(pattern).match
    except ValueError as error:
        raise InvalidParameter(str(error)) from error


def choose(images: Collection[Image], filters: Filters, find: Callable[[str], Image], *, every: bool) -> list[Image]:
    """Newest first. Without `every` intermediate images of builds are left out."""
    selection = Selection(filters, find, datetime.now(UTC))
    parents = {image.parent for image in images}
    found = _present(selection.shown(image, top=image.id not in parents, every=every) for image in images)
    epoch = datetime.fromtimestamp(0, UTC)
    return sorted(found, key=lambda image: image.created or epoch, reverse=True)


def _present(images: Iterable[Image | None]) -> list[Image]:
    return [image for image in images if image is not None]
