"""Starts a daemon in the background when root asks for something on the default socket and nobody listens.

The socket is made here and handed over (sd_listen_fds(3)), so there is nothing to wait for: the first request
lies in its queue until the daemon is up.
"""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket

LOG = "/var/log/fairlead.log"
_SHOWN_BYTES = 4096
_HAND_OVER = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'


_offsets: list[int] = []
"""Where the log ended before each daemon that this process started."""


def last_words() -> str:
    """The last line that a daemon begun here wrote into its log: why it ended before it answered."""
    if not _offsets:
        return ""
    with open(LOG, "rb") as log:
        log.seek(max(_offsets[-1], os.fstat(log.fileno()).st_size - _SHOWN_BYTES))
        lines = log.read().decode(errors="replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "")
    return f"\nthe daemon's last words in {LOG}: {said}" if said else ""


def begin(path: str) -> bool:
    """True once the socket takes connections."""
    launcher = os.path.abspath(sys.argv[0])
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    before = os.umask(0o117)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(128)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    _offsets.append(os.fstat(log).st_size)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, listener.fileno(), 3),
    ]
    os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", _HAND_OVER, "sh", launcher, "daemon"],
        dict(os.environ),
        file_actions=actions,
        setsid=True,
    )
    os.close(log)
    listener.close()
    sys.stderr.write(f"fairlead: no daemon was running; started one in the background (its log: {LOG})\n")
    return True
