"""A daemon on another machine: `-H ssh://[user@]host[:port][/path/of/the/socket]`. Each connection is an ssh that runs
`fairlead system dial-stdio` there, as docker's client runs docker's."""

from __future__ import annotations

import posix
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socketpair

from fairlead.cli.client import NoDaemon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_REMOTE = "fairlead"


def connect(host: str) -> socket:
    """The near end of the connection; the far end is ssh's standard input and output."""
    argv = command(host)
    near, far = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    actions = [(posix.POSIX_SPAWN_DUP2, far.fileno(), 0), (posix.POSIX_SPAWN_DUP2, far.fileno(), 1)]
    try:
        # In a session of its own: Ctrl-C is for the container, not for the way to it.
        posix.posix_spawnp("ssh", argv, posix.environ, file_actions=actions, setsid=True)
    except OSError as error:
        near.close()
        raise NoDaemon(f"error during connect: exec: ssh: {(error.strerror or '').lower()}") from None
    finally:
        far.close()
    return near


def command(host: str) -> list[str]:
    """ssh's command line; NoDaemon where the address is none."""
    place, slash, path = host.removeprefix("ssh://").partition("/")
    user, _, name = place.rpartition("@")
    port = ""
    if name.endswith("]") or ":" not in name:
        bare = name
    else:
        bare, _, port = name.rpartition(":")
    bare = bare.strip("[]")
    if not bare or bare.startswith("-") or ":" in user or (port and not port.isdecimal()):
        raise NoDaemon(f"unable to parse docker host `{host}`: ssh://[user@]host[:port][/path] is what it should be")
    argv = ["ssh", "-o", "ConnectTimeout=30", "-T"]
    argv += ["-l", user] if user else []
    argv += ["-p", port] if port else []
    remote = ["-H", f"unix:///{path}"] if slash and path else []
    return [*argv, "--", bare, _REMOTE, *remote, "system", "dial-stdio"]
