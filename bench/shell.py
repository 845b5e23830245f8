"""Runs programs for the bench: with a time limit, and with the whole story when one fails."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence


class Failed(Exception):
    """A program the bench needs failed."""


def run(
    *argv: str,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 120,
    check: bool = True,
    text: str | None = None,
) -> str:
    """stdout of the program; `text` goes to its stdin."""
    feed = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(argv, env=env, timeout=timeout_s, capture_output=True, text=True, check=False, **feed)  # type: ignore[call-overload]
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
    return str(done.stdout)


def time_ms(*argv: str, env: Mapping[str, str] | None = None, timeout_s: float = 120) -> float:
    """How long the whole program took; it must succeed."""
    begin = time.monotonic()
    with subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    took = (time.monotonic() - begin) * 1e3
    if process.returncode:
        raise Failed(f"{' '.join(argv)}: exit {process.returncode}: {stderr.strip()[-600:]}")
    return took


def run_all(commands: Sequence[Sequence[str]]) -> None:
    for argv in commands:
        run(*argv)
