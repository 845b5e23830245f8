"""A fake host with two addresses, and another machine one hop away that has a route to everything behind the host."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from testbed.namespace import CommandFailed, Namespace

ADDRESS = "198.51.100.1"
SECOND_ADDRESS = "198.51.100.3"
FAR_ADDRESS = "198.51.100.2"


class Host:
    """`here` is the host (network and mount namespace), `far` another machine routed to it."""

    def __init__(self) -> None:
        self.here = Namespace(mounts=True)
        self.far = Namespace()
        self.here.ip("link", "add", "uplink", "type", "veth", "peer", "name", "uplink", "netns", str(self.far.pid))
        for address in (ADDRESS, SECOND_ADDRESS):
            self.here.ip("address", "add", f"{address}/24", "dev", "uplink")
        self.far.ip("address", "add", f"{FAR_ADDRESS}/24", "dev", "uplink")
        self.here.ip("link", "set", "uplink", "up")
        self.far.ip("link", "set", "uplink", "up")
        self.far.ip("route", "add", "default", "via", ADDRESS)
        self._outbound: subprocess.Popen[bytes] | None = None

    def open_outbound(self) -> None:
        """Gives the host a way to the real network, through a user-space stack: no rule, route or switch outside."""
        ready, signal = os.pipe()
        self._outbound = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "slirp4netns", "--configure", "--disable-host-loopback",
             "--mtu=1500", f"--ready-fd={signal}", str(self.here.pid), "outbound"],
            pass_fds=(signal,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(signal)
        with os.fdopen(ready, "rb") as pipe:
            if pipe.read(1) != b"1":
                raise CommandFailed("slirp4netns did not come up")

    @contextlib.contextmanager
    def loopback_over_the_wire(self) -> Iterator[None]:
        """The other machine has given up its own 127.0.0.1: packets for it go to this host."""
        self.far.ip("address", "flush", "dev", "lo")
        self.far.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/uplink/route_localnet")
        self.far.ip("route", "add", "127.0.0.1", "via", ADDRESS, "src", FAR_ADDRESS)
        try:
            yield
        finally:
            self.far.ip("route", "del", "127.0.0.1")
            self.far.ip("address", "add", "127.0.0.1/8", "dev", "lo")

    def close(self) -> None:
        if self._outbound is not None:
            self._outbound.kill()
            self._outbound.wait()
        self.far.close()
        self.here.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def mount_points(pid: int) -> list[str]:
    return sorted(line.split()[4] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
