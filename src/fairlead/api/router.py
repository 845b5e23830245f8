"""Method and path → handler. Names are greedy (they may hold slashes) and anchored on the path's last element."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fairlead.api.exchange import Route
from fairlead.api.versions import NEWEST, OLDEST, Version, text
from fairlead.errors import InvalidParameter

_VERSIONED = re.compile(r"/v([0-9]+)\.([0-9]+)(/.*)\Z", re.DOTALL)
_PARAMETER = re.compile(r"\{(\w+)\}")


def split_version(path: str) -> tuple[Version, str]:
    """`/v1.43/info` → ((1, 43), `/info`); without a version the newest is meant."""
    match = _VERSIONED.match(path)
    if match is None:
        return NEWEST, path
    version = (int(match[1]), int(match[2]))
    given = f"{match[1]}.{match[2]}"
    if version < OLDEST:
        raise InvalidParameter(
            f"client version {given} is too old. Minimum supported API version is {text(OLDEST)}, "
            "please upgrade your client to a newer version"
        )
    if version > NEWEST:
        raise InvalidParameter(
            f"client version {given} is too new. Maximum supported API version is {text(NEWEST)}"
        )
    return version, match[3]


class Router:
    """Fixed paths are looked up; the rest is matched in the order given, by method and first element."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[tuple[str, str], Route] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            if "{" not in route.path:
                self._fixed[route.method, route.path] = route
                continue
            first = route.path.split("/", 2)[1]
            self._patterns.setdefault((route.method, first), []).append((_compile(route.path), route))

    def match(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        route = self._fixed.get((method, path))
        if route is not None:
            return route, {}
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        for pattern, candidate in self._patterns.get((method, first), ()):
            found = pattern.match(path)
            if found is not None:
                return candidate, found.groupdict()
        return None


def _compile(path: str) -> re.Pattern[str]:
    pieces = _PARAMETER.split(path)
    text = "".join(f"(?P<{piece}>.*)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    return re.compile(text + r"\Z", re.DOTALL)
