"""`completion SHELL`: the script that has the shell ask completion.py. What it completes, the client knows itself."""

from __future__ import annotations

import sys

from fairlead.cli import client
from fairlead.cli.flags import Verb, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fairlead.cli.client import Client

_SHELLS = ("bash", "zsh", "fish")
COMPLETION = Verb(
    "completion bash|zsh|fish", "Print a script that completes words in bash, zsh or fish", (1, 1),
)  # fmt: skip


def script(_api: Client, argv: list[str]) -> int:
    shell = parse(COMPLETION, argv).args[0]
    if shell not in _SHELLS:
        raise client.Refused(f"unknown shell: {shell}: must be one of {', '.join(_SHELLS)}")
    with open(f"{__file__.rpartition('/')[0]}/../shells/fairlead.{shell}", encoding="utf-8") as file:
        sys.stdout.write(file.read())
    return 0
