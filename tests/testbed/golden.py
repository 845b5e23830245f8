"""Asks a real dockerd what the Dockerfiles of dockerfiles.py come to, and writes tests/golden/build.json.

What it is too old for is asked of our own engine, to be read by a person before it is committed.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import engines  # type: ignore[import-not-found]  # bench/: how a dockerd is started beside us

from testbed import outcome
from testbed.dockerfiles import CASES
from testbed.engine import Client, Engine
from testbed.host import Host
from testbed.wrongfiles import WRONG, complaint

GOLDEN = Path(__file__).parents[1] / "golden" / "build.json"
REFUSED = GOLDEN.with_name("refused.json")


class Dockerd(Client):
    """A client of a real dockerd: the one that came with it, which speaks BuildKit without plugins."""

    def __init__(self, ours: Engine, peer: Any) -> None:
        self.path = f"{peer.root}/s"
        super().__init__(ours, [], dict(peer.env))
        self.argv = ["/usr/bin/docker", "-H", f"unix://{self.path}"]

    def api(self, method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def main(wanted: list[str]) -> int:
    found = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    with tempfile.TemporaryDirectory() as name, Engine(Host()).start() as ours:
        work = Path(name)
        ours.do("image", "bootstrap", "box", "--busybox")
        ours.do("save", "-o", f"{work}/box.tar", "box")
        peer = engines.Dockerd(work)
        peer.root.mkdir()
        engines.make_netns(peer.netns)
        try:
            peer.launch()
            docker = Dockerd(ours, peer)
            docker.do("load", "-i", f"{work}/box.tar")
            refused = {name: complaint(Path(docker.path), text) for name, text in WRONG.items()}
            for case in CASES:
                if wanted and case.name not in wanted:
                    continue
                context = work / "contexts" / case.name
                if case.proof == "reference":
                    found[case.name] = outcome.of(case, ours.client("fairlead"), ours.api, context)
                else:
                    found[case.name] = outcome.of(case, docker, docker.api, context)
                print(case.name, file=sys.stderr)
        finally:
            peer.stop()
    REFUSED.write_text(json.dumps(refused, indent=1) + "\n")
    kept = {case.name: found[case.name] for case in CASES if case.name in found}
    GOLDEN.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
