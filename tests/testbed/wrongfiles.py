"""Dockerfiles that are refused: what is wrong with each shows in its name. And what an engine says of one."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import tarfile
from collections.abc import Mapping
from pathlib import Path

WRONG: Mapping[str, str] = {
    "unknown instruction": "FROM box\nRUM echo\n",
    "unknown instruction in the middle": "FROM box\n\n\nENV a=b \\\n  c=d\nFOO bar\nRUN x\n",
    "empty file": "",
    "comments only": "# nothing\n\n",
    "no from": "RUN echo\n",
    "from without name": "FROM\n",
    "from with two words": "FROM box as\n",
    "from with four words": "FROM box as x y\n",
    "from with a bad stage name": "FROM box AS 1st\n",
    "from with a bad reference": "FROM Box:UPPER:x\n",
    "from with an empty variable": "ARG x\nFROM $x\n",
    "from with a flag it has not": "FROM --foo=bar box\n",
    "env without value": "FROM box\nENV A\n",
    "env with a word too much": "FROM box\nENV A=b C\n",
    "env without name": "FROM box\nENV =b\n",
    "env bad substitution": "FROM box\nENV A=${\n",
    "env open quote": "FROM box\nENV A=\"b\n",
    "label without value": "FROM box\nLABEL a\n",
    "label nothing": "FROM box\nLABEL\n",
    "copy one word": "FROM box\nCOPY a\n",
    "copy nothing": "FROM box\nCOPY\n",
    "copy bad flag": "FROM box\nCOPY --foo=1 a b\n",
    "copy flag without value": "FROM box\nCOPY --chown a b\n",
    "copy flag twice": "FROM box\nCOPY --chown=1 --chown=2 a b\n",
    "copy from no stage": "FROM box\nCOPY --from=5 /a /b\n",
    "copy from empty": "FROM box\nCOPY --from= /a /b\n",
    "expose nothing": "FROM box\nEXPOSE\n",
    "expose a word": "FROM box\nEXPOSE http\n",
    "expose a protocol unknown": "FROM box\nEXPOSE 80/icmp\n",
    "expose backwards": "FROM box\nEXPOSE 80-70",
    "expose of another host": "FROM box\nEXPOSE 127.0.0.1:80:http",
    "workdir on a file": "FROM box\nWORKDIR /etc/passwd",
    "add from nobody": "FROM box\nADD http://127.0.0.1:1/x /",
    "platform of four parts": "FROM --platform=a/b/c/d box",
    "copy from before the first": "FROM box\nCOPY --from=-1 /a /b",
    "chown of three": "FROM box\nCOPY --chown=a:b:c Dockerfile /x",
    "chown of nobody": "FROM box\nCOPY --chown=:5 Dockerfile /x",
    "chown of no group": "FROM box\nCOPY --chown=0: Dockerfile /x",
    "expose too large": "FROM box\nEXPOSE 70000\n",
    "volume nothing": "FROM box\nVOLUME\n",
    "volume empty": "FROM box\nVOLUME [\"\"]\n",
    "user nothing": "FROM box\nUSER\n",
    "workdir nothing": "FROM box\nWORKDIR\n",
    "workdir empty variable": "FROM box\nWORKDIR $nothing\n",
    "stopsignal nothing": "FROM box\nSTOPSIGNAL\n",
    "stopsignal unknown": "FROM box\nSTOPSIGNAL SIGFOO\n",
    "shell no list": "FROM box\nSHELL /bin/sh\n",
    "shell empty list": "FROM box\nSHELL []\n",
    "healthcheck nothing": "FROM box\nHEALTHCHECK\n",
    "healthcheck unknown kind": "FROM box\nHEALTHCHECK FOO bar\n",
    "healthcheck without command": "FROM box\nHEALTHCHECK CMD\n",
    "healthcheck none with words": "FROM box\nHEALTHCHECK NONE x\n",
    "healthcheck short interval": "FROM box\nHEALTHCHECK --interval=100us CMD x\n",
    "healthcheck bad duration": "FROM box\nHEALTHCHECK --timeout=soon CMD x\n",
    "healthcheck bad retries": "FROM box\nHEALTHCHECK --retries=x CMD x\n",
    "healthcheck bad flag": "FROM box\nHEALTHCHECK --foo=1 CMD x\n",
    "onbuild nothing": "FROM box\nONBUILD\n",
    "onbuild onbuild": "FROM box\nONBUILD ONBUILD RUN x\n",
    "onbuild from": "FROM box\nONBUILD FROM x\n",
    "run list of numbers": "FROM box\nRUN [1, 2]\n",
    "cmd list of numbers": "FROM box\nCMD [\"a\", 2]\n",
    "run bad flag": "FROM box\nRUN --foo echo\n",
    "arg nothing": "FROM box\nARG\n",
    "arg without name": "FROM box\nARG =x\n",
    "maintainer nothing": "FROM box\nMAINTAINER\n",
    "escape twice": "# escape=`\n# escape=\\\nFROM box\n",
    "escape unknown": "# escape=x\nFROM box\n",
    "very long line": "FROM box\nRUN echo " + "x" * 70_000 + "\n",
}


def complaint(engine: Path, dockerfile: str) -> str:
    """What the engine at that socket says of a build of this alone."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile.encode())
        tar.addfile(info, io.BytesIO(dockerfile.encode()))
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(engine))
        connection.request("POST", "/v1.41/build?rm=1", out.getvalue(), {"Content-Type": "application/x-tar"})
        rows = [json.loads(line) for line in connection.getresponse().read().splitlines()]
    finally:
        connection.close()
    return str(rows[-1].get("message") or rows[-1].get("error") or "")


_SINCE = (
    (r"^dockerfile parse error line", "dockerfile parse error on line"),
    (r"(Unknown|Missing a value on|Duplicate) flag( specified)?: (.*)", lambda found: f"{found[0].lower()}"),
    (r"flag( specified)?: ([a-z]+)$", r"flag\1: --\2"),
    (r"^I(nvalid (containerPort|proto|signal))", r"i\1"),
    (r"repository name must", "repository name (library/Box) must"),
)


def of_today(text: str) -> str:
    """Docker 20.10's words in those of 28, which differ in form."""
    for pattern, replacement in _SINCE:
        text = re.sub(pattern, replacement, text)
    return text


def without_advice(text: str) -> str:
    """What 20.10 did not say yet."""
    return re.sub(r" \(did you mean .*\?\)$", "", text)
