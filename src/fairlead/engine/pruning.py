"""What the prunes of every kind share: which things their filters take (`label`, `label!`, `until`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from fairlead.errors import InvalidParameter

Filters = Mapping[str, Sequence[str]]

_SPAN = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Selection:
    """The filters of one prune, checked before anything is looked at."""

    def __init__(self, filters: Filters) -> None:
        self._labels = filters
        until = filters.get("until", ())
        if len(until) > 1:
            raise InvalidParameter("more than one until filter specified")
        self._until = moment(until[0], datetime.now(UTC)) if until else None

    def takes(self, labels: Mapping[str, str], created: datetime | None) -> bool:
        if self._until is not None and created is not None and created > self._until:
            return False
        if not all(has_label(labels, text) for text in self._labels.get("label", ())):
            return False
        unwanted = self._labels.get("label!", ())
        return not unwanted or not all(has_label(labels, text) for text in unwanted)


def has_label(labels: Mapping[str, str], text: str) -> bool:
    """`key` or `key=value`."""
    key, equals, value = text.partition("=")
    return key in labels and (not equals or labels[key] == value)


def moment(text: str, now: datetime) -> datetime:
    """`24h` (ago), RFC 3339 or a part of it, or Unix seconds with a fraction."""
    if (spans := _SPAN.findall(text)) and not _SPAN.sub("", text):
        return now - timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in spans))
    try:
        if re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidParameter(f'failed to parse value as time or duration: "{text}"') from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def truth(filters: Filters, name: str, *, default: bool) -> bool:
    """A filter that is yes or no."""
    values = filters.get(name, ())
    if not values:
        return default
    if len(set(values)) == 1 and values[0].lower() in ("1", "t", "true", "0", "f", "false"):
        return values[0].lower() in ("1", "t", "true")
    raise InvalidParameter(f"invalid filter '{name}=[{' '.join(values)}]'")
