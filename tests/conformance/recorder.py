"""Puts the proxy between an engine and its clients, and counts what it found."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.definitions import Finding
from testbed.engine import Engine

TESTS = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def between(engine: Engine, definitions: Path, findings: Path) -> Iterator[None]:
    """Clients of `engine` speak through the proxy as long as the context lasts."""
    newest = engine.json("GET", "/version")["ApiVersion"]
    listen = engine.root / "recorded"
    argv = [sys.executable, "-m", "conformance.proxy", "--listen", str(listen), "--daemon", str(engine.daemon_socket)]
    argv += ["--definitions", str(definitions), "--findings", str(findings), "--newest", newest]
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], cwd=TESTS, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            engine.socket = listen
            yield
        finally:
            engine.socket = engine.daemon_socket
            process.terminate()
            process.wait(20)


def read(findings: Path) -> list[Finding]:
    lines = findings.read_text().splitlines() if findings.exists() else []
    loaded = [json.loads(line) for line in lines]
    return [Finding(**{**entry, "differences": tuple(entry["differences"])}) for entry in loaded]
