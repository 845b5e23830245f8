"""Sizes, durations and times as the docker CLI words them."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_SUFFIXES = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def size(count: float, *, digits: int = 4) -> str:
    """`1.235MB`: decimal units, that many significant digits."""
    return _scaled(count, 1000.0, _DECIMAL, digits)


def binary_size(count: float) -> str:
    """`23.28GiB`"""
    return _scaled(count, 1024.0, _BINARY, 4)


def _scaled(count: float, base: float, names: tuple[str, ...], digits: int) -> str:
    step = 0
    while count >= base and step < len(names) - 1:
        count /= base
        step += 1
    return f"{count:.{digits}g}{names[step]}"


def parse_size(text: str) -> int:
    """`512m`, `1.5g`, `64KiB` in bytes, in powers of 1024; ValueError with docker's text."""
    body = text.strip().lower()
    for ending in ("ib", "b"):
        if body.endswith(ending) and body[: -len(ending)]:
            body = body[: -len(ending)]
            break
    step = 0
    if body and body[-1] in _SUFFIXES:
        step = _SUFFIXES[body[-1]]
        body = body[:-1].rstrip()
    if not body or not body.replace(".", "", 1).isdecimal():
        raise ValueError(f"invalid size: '{text}'")
    return int(float(body) * 1024**step)


def duration(seconds: float) -> str:
    """`2 minutes`, `About an hour`: how long something took or lasts."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    return _long_duration(int(seconds / 3600 + 0.5), int(seconds / 3600))


def _long_duration(rounded: int, hours: int) -> str:
    if rounded == 1:
        return "About an hour"
    if rounded < 48:
        return f"{rounded} hours"
    if rounded < 24 * 7 * 2:
        return f"{rounded // 24} days"
    if rounded < 24 * 30 * 2:
        return f"{rounded // 24 // 7} weeks"
    if rounded < 24 * 365 * 2:
        return f"{rounded // 24 // 30} months"
    return f"{hours // 24 // 365} years"


def go_time(seconds: int) -> str:
    """`2026-11-24 00:22:32 +0000 UTC`: Go's print of a local time."""
    import time

    local = time.localtime(seconds)
    return time.strftime("%Y-%m-%d %H:%M:%S %z ", local) + (
        local.tm_zone if local.tm_zone[:1] not in "+-" else local.tm_zone[:3]
    )


def rfc3339(seconds: int) -> str:
    """`2026-11-24T00:22:32Z`, in local time."""
    import time

    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + ("Z" if local.tm_gmtoff == 0 else f"{zone[:3]}:{zone[3:]}")
