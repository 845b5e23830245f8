"""One line of the doctor's report, and how it reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    MISSING = "missing"
    NOTE = "note"
    """Works, but somebody should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """The package that holds something, by package manager. '' = that distribution has none of the name."""

    apt: str = ""
    dnf: str = ""
    apk: str = ""
    pacman: str = ""

    def __str__(self) -> str:
        named = (("apt", self.apt), ("dnf", self.dnf), ("apk", self.apk), ("pacman", self.pacman))
        return ", ".join(f"{manager}: {name}" for manager, name in named if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    name: str
    state: State
    detail: str = ""
    mend: str = ""
    needed: bool = True
    """Whether the engine cannot run containers without it."""


def ok(name: str, detail: str = "") -> Finding:
    return Finding(name=name, state=State.OK, detail=detail)


def note(name: str, detail: str, mend: str = "") -> Finding:
    return Finding(name=name, state=State.NOTE, detail=detail, mend=mend, needed=False)


def missing(name: str, detail: str, mend: str, *, needed: bool = True) -> Finding:
    return Finding(name=name, state=State.MISSING, detail=detail, mend=mend, needed=needed)


def needed_missing(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state is State.MISSING and finding.needed]


def render_finding(finding: Finding) -> str:
    optional = " (optional)" if finding.state is State.MISSING and not finding.needed else ""
    line = f"  {finding.state:<8} {finding.name:<26} {finding.detail}{optional}".rstrip()
    return line + (f"\n           mend: {finding.mend}" if finding.mend else "")
