"""Differences from Docker's definitions that are right: Docker's engine answers so too (`--target=docker` shows it), and
its clients rely on it. Each with its reason; what no line here explains fails the run."""

from __future__ import annotations

import re

NIL = "Docker's engine writes null where a Go slice, map or pointer is empty, and so do we"

EXPLAINED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (r"^(?!GET /images/\{name\}/json: \.GraphDriver).*: null where (array|object) is declared$", NIL),
        (r"HostConfig\.MemorySwappiness: null where integer", NIL),
        (r"^POST /exec/\{id\}/start: status 101 is not", "The upgrade of a connection is left out of the definitions"),
    )
)
