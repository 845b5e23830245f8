"""The daemon's socket: our own at a path, readable by a group, or the one systemd hands over."""

from __future__ import annotations

import grp
import os
import socket
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.model.settings import Settings

_FIRST_FD = 3


def open_listener(settings: Settings) -> socket.socket:
    """The listening socket (sd_listen_fds(3) if the environment says so)."""
    if _handed_over():
        os.set_inheritable(_FIRST_FD, False)
        return socket.socket(fileno=_FIRST_FD)
    if settings.host == "fd://":
        raise SystemFailure("--host fd://: no socket was handed over")
    return _bind(Path(settings.host.removeprefix("unix://")), settings.socket_group)


def _handed_over() -> bool:
    return os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0"


def _bind(path: Path, group: str) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o117)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise SystemFailure(f"listen on {path}: {error.strerror}") from error
    finally:
        os.umask(before)
    try:
        os.chown(path, 0, grp.getgrnam(group).gr_gid)
    except KeyError:
        pass  # no such group here: root alone
    return listener


def _remove_stale(path: Path) -> None:
    """A socket that nobody answers is of a daemon that was killed."""
    if not path.exists():
        return
    if not path.is_socket():
        raise SystemFailure(f"listen on {path}: there is something else that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise SystemFailure(f"listen on {path}: another daemon answers there")


def remove(settings: Settings) -> None:
    """At an orderly end. A socket that systemd made stays its own."""
    if settings.host.startswith("unix://") and not _handed_over():
        Path(settings.host.removeprefix("unix://")).unlink(missing_ok=True)
