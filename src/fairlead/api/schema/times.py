"""Times as Docker writes and reads them: RFC 3339 with fractions, Unix seconds with a fraction, durations in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from fairlead.errors import InvalidParameter

_UNIX = re.compile(r"-?[0-9]{1,18}(\.[0-9]*)?\Z")
EPOCH = datetime.fromtimestamp(0, UTC)

ZERO = "0001-01-01T00:00:00Z"

_UNITS = (
    (60, 1, "seconds"),
    (3600, 60, "minutes"),
    (48 * 3600, 3600, "hours"),
    (14 * 86400, 86400, "days"),
    (60 * 86400, 7 * 86400, "weeks"),
    (2 * 365 * 86400, 30 * 86400, "months"),
)


def render(time: datetime | None) -> str:
    if time is None:
        return ZERO
    text = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return text + "Z"


def parse(text: str) -> datetime | None:
    """`1700000000.25` or RFC 3339; empty and 0 mean no limit."""
    if not text or text == "0":
        return None
    try:
        if _UNIX.match(text):
            # Not as a float, which has no room for nanoseconds beside so many seconds: it might land after the moment.
            whole, _, fraction = text.partition(".")
            return EPOCH + timedelta(seconds=int(whole), microseconds=int(fraction[:6].ljust(6, "0")))
    except OverflowError as error:
        raise InvalidParameter(f'strconv.ParseInt: parsing "{text}": value out of range') from error
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidParameter(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def duration(seconds: float) -> str:
    """go-units' HumanDuration: `About a minute`, `3 hours`."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    minutes = whole // 60
    if minutes == 1:
        return "About a minute"
    hours = int(seconds / 3600 + 0.5)
    if minutes >= 60 and hours == 1:
        return "About an hour"
    if minutes >= 60 and hours < 48:
        return f"{hours} hours"
    for limit, unit, name in _UNITS:
        if whole < limit:
            return f"{whole // unit} {name}"
    return f"{int(whole / 86400 / 365)} years"
