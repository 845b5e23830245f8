"""Differences from Docker's definitions that are right: Docker's engine answers so too (`--target=docker` shows it),
and its clients rely on it. Each with its reason; what no line here explains fails the run."""

from __future__ import annotations

import re

NIL = "Docker's engine writes null where a Go slice, map or pointer is empty, and so do we"
UNLISTED = "Docker refuses what is wrong with 400 and what conflicts with 409; some definitions leave it out"

EXPLAINED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (r"^(?!GET /images/\{name\}/json: \.GraphDriver).*: null where (array|object) is declared$", NIL),
        (r"(Config\.Entrypoint|ExecIDs|MemorySwappiness|PidsLimit|OomKillDisable|ExitCode): null where", NIL),
        (r"status (400|409) is not among", UNLISTED),
        (r"^POST /volumes/create: status 404 is not", "A volume driver that is not there is 404, which is left out"),
        (r"NetworkSettings\.Ports: object where array", "Early definitions call the map of ports an array"),
        (r"RestartPolicy\.Name: \"no\" is none", "Early definitions leave out the policy `no`"),
        (r"^POST /exec/\{id\}/start: status 101 is not", "The upgrade of a connection is left out of the definitions"),
    )
)
