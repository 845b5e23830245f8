"""`make demo`: every statement of Docker's guide "Linking containers together", with real containers and real values.

A Flask application and a PostgreSQL server, built here from the distribution's own packages, in an engine of their
own on a fake host: a network namespace with a user-space way out. The machine's own network is not touched.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "demo"), str(ROOT / "tests")]

import lifetime  # noqa: E402 - the folders have to be on the path first
import linking  # noqa: E402
import publishing  # noqa: E402
from transcript import Transcript  # noqa: E402

from testbed.engine import Engine  # noqa: E402
from testbed.host import Host  # noqa: E402


def build_images(t: Transcript) -> None:
    t.say("── Images: a base from the distribution's archive, and the guide's two on top (a minute or two)")
    started = time.monotonic()
    t.fairlead("image", "bootstrap", "debian", quiet=True)
    for name in ("webapp", "postgres"):
        t.fairlead("build", "-q", "-t", f"training/{name}", str(ROOT / "demo" / name), quiet=True)
    t.fairlead("images")
    t.say(f"  ✓ built in {time.monotonic() - started:.0f} s")


def main() -> int:
    if os.geteuid() != 0:
        sys.stderr.write("the demo starts containers: it needs root (sudo make demo)\n")
        return 1
    with Host() as host:
        host.open_outbound()
        with Engine(host).start() as engine:
            transcript = Transcript(engine)
            build_images(transcript)
            for number, statement, row in (*publishing.ROWS, *linking.ROWS, *lifetime.ROWS):
                transcript.play(number, statement, row)
    total = len(publishing.ROWS) + len(linking.ROWS) + len(lifetime.ROWS)
    failed = transcript.failed
    transcript.say(f"\n{total - len(failed)} of {total} rows true" + (f"; not: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
