"""Chooses daemon or client, nothing else."""

from __future__ import annotations

import sys


def main() -> int:
    """`fairlead …`; the exit code."""
    argv = sys.argv[1:]
    if argv[:1] == ["daemon"]:
        from fairlead.daemon import app

        return app.main(argv[1:])
    if argv[:1] == ["doctor"]:
        from fairlead.daemon import doctor

        return doctor.main(argv[1:])
    from fairlead.cli.main import finish
    from fairlead.cli.main import main as client

    return finish(client(argv))


if __name__ == "__main__":
    sys.exit(main())
