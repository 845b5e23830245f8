"""The `filters=` query language: `{"name":{"web":true}}`, or in old clients `{"name":["web"]}`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from fairlead.api import gojson
from fairlead.errors import InvalidParameter

Filters = Mapping[str, Sequence[str]]


def parse(text: str, accepted: Collection[str] = ()) -> Filters:
    """The filters in `text`; `accepted` names what the route understands (empty = anything)."""
    if not text:
        return {}
    try:
        value = gojson.loads(text)
    except ValueError:
        raise InvalidParameter("invalid filter") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidParameter("invalid filter")
    filters = {str(name): _values(wanted) for name, wanted in value.items()}
    for name in filters:
        if accepted and name not in accepted:
            raise InvalidParameter(f"invalid filter '{name}'")
    return filters


def _values(wanted: object) -> tuple[str, ...]:
    if isinstance(wanted, dict | list) and all(isinstance(item, str) for item in wanted):
        return tuple(wanted)
    raise InvalidParameter("invalid filter")
