"""docs/compatibility.md: written by `make conformance API=…` from what it saw, never by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.definitions import Definitions, Finding
from conformance.explained import EXPLAINED

PATH = Path(__file__).resolve().parent.parent.parent / "docs" / "compatibility.md"

CLIENTS = (
    ("Docker-Client/", "the docker command line"), ("docker-sdk-python/", "docker-py"),
    ("docker-compose/", "docker-compose 1"), ("tc-python", "testcontainers"), ("python-requests", "docker-py"),
    ("fairlead", "our own client"),
)  # fmt: skip

HEAD = """\
# Compatibility

Written by `make conformance API=…`, which drives the daemon with Docker's own clients and checks every answer against
the Engine API definition that Docker publishes for its version. Do not edit.
"""


def deviations(found: Iterable[Finding]) -> list[tuple[str, str]]:
    """Operation and difference, each pair once."""
    return sorted({(finding.operation, text) for finding in found for text in finding.differences})


def reason(operation: str, text: str) -> str | None:
    """Why Docker's engine itself answers so, or why we do; None where nothing excuses it."""
    return next((why for pattern, why in EXPLAINED if pattern.search(f"{operation}: {text}")), None)


def unexplained(found: Iterable[Finding]) -> list[str]:
    return [f"{operation}: {text}" for operation, text in deviations(found) if reason(operation, text) is None]


def render(found: Sequence[Finding], definitions: Definitions) -> str:
    return "\n".join([HEAD, *_clients(found), *_versions(found), *_deviations(found), *_operations(found, definitions)])


def _clients(found: Sequence[Finding]) -> list[str]:
    versions: dict[str, set[str]] = defaultdict(set)
    for finding in found:
        if name := client(finding.agent):
            versions[name].add(finding.version)
    lines = ["## Clients", "", "| client | API versions it spoke |", "|---|---|"]
    for name, spoken in sorted(versions.items()):
        lines.append(f"| {name} | {', '.join(sorted(spoken, key=_number))} |")
    return [*lines, ""]


def client(agent: str) -> str:
    return next((name for prefix, name in CLIENTS if prefix in agent), "")


def _versions(found: Sequence[Finding]) -> list[str]:
    return [f"Answers were checked in {len({finding.version for finding in found})} versions of the API.", ""]


def _deviations(found: Sequence[Finding]) -> list[str]:
    """By reason, for most differences are one habit of Docker's in many places."""
    by_reason: dict[str, set[str]] = defaultdict(set)
    for operation, text in deviations(found):
        why = reason(operation, text) or "**Not explained: a fault of ours**"
        by_reason[why].add(f"`{operation}`: {text}")
    lines = ["## Where answers differ from the definitions", ""]
    if not by_reason:
        return [*lines, "Nowhere.", ""]
    for why, places in sorted(by_reason.items()):
        lines += [f"{why}:", "", *(f"- {place}" for place in sorted(places)), ""]
    return lines


def _operations(found: Sequence[Finding], definitions: Definitions) -> list[str]:
    statuses: dict[str, set[int]] = defaultdict(set)
    for finding in found:
        statuses[finding.operation].add(finding.status)
    newest = definitions.of(max(_number(finding.version) for finding in found))
    said = "Of the newest definition, and the statuses the run met."
    lines = ["## Operations", "", said, "", "| operation | seen |", "|---|---|"]
    for operation in newest.operations:
        seen = ", ".join(str(status) for status in sorted(statuses.get(operation, ())))
        lines.append(f"| `{operation}` | {seen or '–'} |")
    return [*lines, ""]


def _number(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)
