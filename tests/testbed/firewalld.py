"""A real firewalld on a fake host: with a system bus, a configuration and a log of its own, none of the machine's."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from typing import Self

from testbed.namespace import CommandFailed, Namespace

# modprobe and sysctl are not namespaced: the machine's modules are no business of a fake host.
_GROUND = """
mkdir -p /etc/firewalld /var/log
mount -t tmpfs tmpfs /run && mkdir /run/dbus
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /etc/firewalld && mkdir /etc/firewalld/zones /etc/firewalld/policies
cat > /etc/firewalld/firewalld.conf
mount --bind /bin/true "$(readlink -f "$(command -v modprobe)")"
"""
_CONFIGURATION = """
DefaultZone=public
CleanupOnExit=yes
CleanupModulesOnExit=no
FirewallBackend=nftables
IPv6_rpfilter=yes
"""


class Firewalld:
    """Runs from `start` to `stop`; the bus as long as the object."""

    def __init__(self, here: Namespace) -> None:
        """`here` needs a mount namespace of its own."""
        self._here = here
        if missing := [name for name in ("firewalld", "dbus-daemon", "busctl") if shutil.which(name) is None]:
            words = "apt-get install --no-install-recommends firewalld dbus-daemon, and keep its service off"
            raise CommandFailed(f"this test needs {', '.join(missing)}: {words}")
        here.run("sh", "-ec", _GROUND, stdin=_CONFIGURATION)
        self._bus = self._spawn("dbus-daemon", "--system", "--nofork", "--nopidfile")
        self._process: subprocess.Popen[bytes] | None = None

    def _spawn(self, *argv: str) -> subprocess.Popen[bytes]:
        words = ["setpriv", "--pdeathsig", "KILL", *self._here.entry, *argv]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self) -> Self:
        self._process = self._spawn("firewalld", "--nofork", "--nopid")
        deadline = time.monotonic() + 30
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(CommandFailed):
                self.command("--state")
                return self
            time.sleep(0.05)
        raise CommandFailed("firewalld does not come up")

    def stop(self) -> None:
        """As its service is stopped: its rules go with it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def command(self, *arguments: str) -> str:
        return self._here.run("firewall-cmd", *arguments).strip()

    def close(self) -> None:
        for process in (self._process, self._bus):
            if process is not None:
                process.kill()
                process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
