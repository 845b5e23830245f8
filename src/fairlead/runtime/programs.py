"""The programs that we start for containers: where they are, and which versions."""

from __future__ import annotations

import re
import shutil

from fairlead.linux import process
from fairlead.model.host import Program
from fairlead.runtime import defaults

_VERSION = re.compile(r"version:? v?([0-9][^\s,]*)")
_COMMIT = re.compile(r"(?:commit:\s*|git\.)([0-9a-f]{7,40})\b")


async def look() -> tuple[Program, ...]:
    """As far as they are there."""
    paths = {
        "runtime": shutil.which("crun", path=process.PATH),
        "monitor": shutil.which("conmon", path=process.PATH),
        "init": defaults.init_program(),
    }
    return tuple([await _describe(role, path) for role, path in paths.items() if path])


async def _describe(role: str, path: str) -> Program:
    done = await process.run([path, "--version"], check=False)
    text = done.stdout.decode(errors="replace")
    version, commit = _VERSION.search(text), _COMMIT.search(text)
    return Program(role, path, version[1] if version else "", commit[1] if commit else "")
