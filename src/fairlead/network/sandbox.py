"""A container's network namespace, held by a descriptor until the container's process holds it itself.

Nothing is pinned in the file system: if the daemon dies before the start, the namespace and its veth are gone too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from fairlead.linux import namespaces
from fairlead.network.netlink import Netlink, set_up

_LOOPBACK = 1


class Sandbox:
    """An open network namespace; `close` it once the container runs, or to give it up."""

    def __init__(self, fd: int, home: int) -> None:
        self.fd = fd
        self._home = home

    @property
    def path(self) -> str:
        """How a child of this daemon can open it."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def netlink(self) -> Netlink:
        return Netlink(namespaces.open_socket(self.fd, self._home, socket.AF_NETLINK, socket.SOCK_RAW, 0))

    def write(self, files: Mapping[Path, str]) -> None:
        """Sets files below /proc/sys/net, as they are in here."""
        with namespaces.inside(self.fd, self._home):
            for path, text in files.items():
                path.write_text(text)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def create(home: int) -> Sandbox:
    """A fresh namespace with its loopback up. Interfaces to come have no IPv6 until a network gives them some."""
    sandbox = Sandbox(namespaces.new_netns(home, _without_ipv6), home)
    link = sandbox.netlink()
    try:
        link.request(set_up(_LOOPBACK))
    finally:
        link.close()
    return sandbox


def _without_ipv6() -> None:
    default = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    try:
        default.write_text("1")
    except OSError:
        return
