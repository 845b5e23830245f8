"""HEALTHCHECK: its words and flags → a probe, with the complaints of BuildKit's frontend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import words
from fairlead.model.container import HealthConfig

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_SHORTEST_NS = 10**6
Flags = Mapping[str, tuple[str, ...]]


def parse(args: Sequence[str], flags: Flags, *, is_json: bool) -> HealthConfig:
    kind, *command = args
    if kind.upper() == "NONE":
        if command:
            raise InvalidParameter("HEALTHCHECK NONE takes no arguments")
        return HealthConfig(test=("NONE",))
    if kind.upper() != "CMD":
        raise InvalidParameter(f"Unknown type {words.quote(kind.upper())} in HEALTHCHECK (try CMD)")
    if not command:
        raise InvalidParameter("Missing command after HEALTHCHECK CMD")
    return HealthConfig(
        test=("CMD" if is_json else "CMD-SHELL", *command),
        interval_ns=_interval(flags, "interval"),
        timeout_ns=_interval(flags, "timeout"),
        start_period_ns=_interval(flags, "start-period"),
        start_interval_ns=_interval(flags, "start-interval"),
        retries=_retries(_last(flags, "retries")),
    )


def _last(flags: Flags, name: str) -> str:
    return flags.get(name, ("",))[-1]


def _retries(text: str) -> int:
    if text and not re.fullmatch(r"[-+]?\d+", text):
        raise InvalidParameter(f"strconv.ParseInt: parsing {words.quote(text)}: invalid syntax")
    if int(text or 0) < 0:
        raise InvalidParameter(f"--retries cannot be negative ({text})")
    return int(text or 0)


def _interval(flags: Flags, name: str) -> int:
    text = _last(flags, name)
    value = duration(text) if text else 0
    if value and value < _SHORTEST_NS:
        raise InvalidParameter(f"Interval {words.quote(name)} cannot be less than 1ms")
    return value


def duration(text: str) -> int:
    """Go's `1m30s` in nanoseconds."""
    body = text.removeprefix("-").removeprefix("+")
    if body == "0":
        return 0
    if not body or not re.fullmatch(f"(?:{_DURATION.pattern})+", body):
        known = re.fullmatch(rf"(?:{_DURATION.pattern})*(?:\d+(?:\.\d*)?)", body)
        what = "missing unit in duration" if known else "invalid duration"
        raise InvalidParameter(f"time: {what} {words.quote(text)}")
    total = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(body))
    return -int(total) if text.startswith("-") else int(total)
