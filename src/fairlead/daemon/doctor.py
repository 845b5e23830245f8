"""`fairlead doctor`: what this host has, what it lacks, and how to mend it.

Runs without a daemon and without third-party packages. With root it tries the kernel's features for real, in
namespaces of its own; without, it reads what /proc tells. Exit 1 if something needed is missing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence

from fairlead.daemon.checks import cgroups, host, kernel, network, programs
from fairlead.daemon.checks.finding import Finding, State, needed_missing, render_finding

USAGE = """Usage:  fairlead doctor

Check what this host has for running containers. Each line is ok, missing (with the
way to mend it) or a note. Exit status 1 if something needed is missing.
"""


async def examine() -> list[tuple[str, list[Finding]]]:
    """All findings under their headings, in the order they are printed."""
    return [
        ("host", host.findings()),
        ("kernel", await kernel.findings()),
        ("cgroups", cgroups.findings()),
        ("programs", await programs.findings()),
        ("network", await network.findings()),
    ]


def render(sections: Iterable[tuple[str, Sequence[Finding]]]) -> str:
    lines: list[str] = []
    for title, findings in sections:
        lines += [title, *(render_finding(finding) for finding in findings)]
    return "\n".join(lines) + "\n"


def verdict(findings: Sequence[Finding]) -> str:
    missing = needed_missing(findings)
    optional = sum(1 for finding in findings if finding.state is State.MISSING) - len(missing)
    if missing:
        return f"{len(missing)} needed missing: {', '.join(finding.name for finding in missing)}"
    return "ready" + (f" ({optional} optional missing)" if optional else "")


def main(argv: Sequence[str]) -> int:
    if any(word in ("-h", "--help") for word in argv):
        sys.stdout.write(USAGE)
        return 0
    if argv:
        sys.stderr.write(f"fairlead doctor: accepts no arguments\n\n{USAGE}")
        return 1
    sections = asyncio.run(examine())
    findings = [finding for _, found in sections for finding in found]
    sys.stdout.write(render(sections) + "\n" + verdict(findings) + "\n")
    return 1 if needed_missing(findings) else 0
