"""Runs what the guide's reader types, prints it with what came back, and keeps the score."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from testbed.engine import Engine, Failed, until
from testbed.namespace import Namespace

Row = Callable[["Transcript"], None]
MOST_LINES = 14


class RowFailed(Exception):
    """A statement of the guide did not come true."""


@dataclass
class Transcript:
    """What the rows write to; `failed` names the rows that did not come true."""

    engine: Engine
    failed: list[str] = field(default_factory=list)

    def play(self, number: str, statement: str, row: Row) -> None:
        """One row, on an empty engine; its failure is told and counted, and the next row still plays."""
        self.say(f"\n── {number}  {statement} {'─' * max(3, 100 - len(number + statement))}")
        try:
            row(self)
        except (RowFailed, Failed, AssertionError) as failure:
            self.failed.append(number)
            self.say(f"  ✗ {failure}")
        finally:
            self.engine.clear()

    def say(self, text: str = "") -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def fairlead(self, *words: str, quiet: bool = False) -> str:
        """A command that must work; returns what it printed."""
        result = self.engine.cli(*words, timeout_s=900)
        if not quiet or result.code != 0:
            self._show("$ fairlead", words, result.text)
        if result.code != 0:
            raise RowFailed(f"exit {result.code}\n--- daemon\n{self.engine.tail(15)}")
        return result.out.rstrip("\n")

    def refused(self, *words: str, text: str, code: int = 125) -> None:
        """A command that must fail with this text and exit code."""
        result = self.engine.cli(*words)
        self._show("$ fairlead", words, result.text)
        self.check(result.code == code and text in result.err, f"refused with exit {code}: {text}")

    def fetch(self, place: Namespace, where: str, url: str, *, wait: bool = True) -> str | None:
        """A page as seen from a place, given a moment for its server to come up."""
        page = until(lambda: place.fetch(url), timeout_s=20, what=url) if wait else place.fetch(url, timeout_s=1)
        self._show(f"$ wget -q -O - {url}", (), page if page is not None else "(nothing answers)", f"   # {where}")
        return None if page is None else str(page)

    def reaches(self, container: str, address: str, port: int) -> bool:
        """Whether a connection from within a container gets through; bash makes it, which every image here has."""
        connect = f"exec 3<>/dev/tcp/{address}/{port} && echo connected"
        result = self.engine.cli("exec", container, "timeout", "2", "bash", "-c", connect)
        said = result.text if result.code != 124 else "(nothing answers)"
        self._show("$ fairlead", ("exec", container, "timeout", "2", "bash", "-c", connect), said)
        if result.code in (125, 126, 127):
            raise RowFailed(f"could not try: exit {result.code}")
        return result.code == 0

    def far_reaches(self, address: str, port: int) -> bool:
        """Whether another machine, which has a route to the containers, gets a connection."""
        got = self.engine.host.far.connects(address, port)
        self._show(
            f"$ nc -z {address} {port}", (), "connected" if got else "(no connection)", "   # on another machine"
        )
        return got

    def check(self, true: object, claim: str) -> None:
        if not true:
            raise RowFailed(claim)
        self.say(f"  ✓ {claim}")

    def _show(self, program: str, words: tuple[str, ...], output: str, remark: str = "") -> None:
        self.say(" ".join([program, *map(shlex.quote, words)]) + remark)
        lines = output.rstrip("\n").splitlines()
        for line in lines[:MOST_LINES]:
            self.say(f"    {line}")
        if len(lines) > MOST_LINES:
            self.say(f"    … {len(lines) - MOST_LINES} lines more")
