"""A workaround for hosts with hybrid cgroups whose v2 mount carries a controller: crun (1.8) refuses those.

There the runtime is started from a mount namespace of our own in which the v2 mount is gone. Otherwise it is the
host's: our two roots are shared mounts, so that what the daemon mounts later shows up in it.
Other hosts never come here.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead.linux import mounts

UNIFIED = Path("/sys/fs/cgroup/unified")
CLONE_NEWNS, CLONE_FS = 0x00020000, 0x00000200
_SWEEP_S = 0.2
_libc = ctypes.CDLL(None, use_errno=True)


def needed() -> bool:
    """True on a hybrid host whose v2 hierarchy has controllers."""
    try:
        return bool((UNIFIED / "cgroup.controllers").read_text().split())
    except OSError:
        return False


def _call(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class RuntimeNamespace:
    """The mount namespace the runtime is started in."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots
        self._host = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._own = -1
        self._seen: list[bytes] = []
        self._starting: set[str] = set()
        """Roots of containers that have no mount of their own yet."""
        self._done: set[str] = set()
        """Those that have, and are to go from here."""
        self._sweep: asyncio.TimerHandle | None = None
        # setns(2) for mounts wants file system attributes of our own; one thread has them once unshared.
        _call(_libc.unshare(CLONE_FS), "unshare(CLONE_FS)")

    def prepare(self) -> None:
        """Makes the roots shared mounts (once) and the namespace."""
        present = {point for point, _ in mounts.table()}
        for root in self._roots:
            if str(root) not in present:
                mounts.bind(root, root, recursive=True)
            mounts.propagation(root, mounts.MS_SHARED)
        self._renew()

    def _foreign(self) -> list[bytes]:
        prefixes = tuple(os.fsencode(f"{root}/") for root in self._roots)
        return [line for line in mounts.lines() if not line.split(b" ", 5)[4].startswith(prefixes)]

    def _renew(self) -> None:
        if self._own >= 0:
            os.close(self._own)
        self._seen = self._foreign()
        _call(_libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
        try:
            # What goes must not go from the host: all else stays a peer, so that mounts travel both ways.
            mounts.propagation(UNIFIED.parent, mounts.MS_PRIVATE)
            mounts.umount(UNIFIED, lazy=True)
            for root in self._roots:  # what goes below them goes from here alone
                mounts.propagation(root, mounts.MS_SLAVE)
            for point in self._containers() - self._starting:
                mounts.umount(point, lazy=True)
            self._done.clear()
            self._own = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call(_libc.setns(self._host, CLONE_NEWNS), "setns to the host")

    def _containers(self) -> set[str]:
        own = tuple(f"{root}/" for root in self._roots)
        return {point for point, kind in mounts.table() if kind == "overlay" and point.startswith(own)}

    @contextmanager
    def starting(self, root: Path) -> Iterator[None]:
        """A container's root is here while the container is made, and not much longer: each that stayed would be
        copied at every start that follows, and taken down again, 10 µs each."""
        self._starting.add(str(root))
        try:
            with self.inside():
                there = root.stat().st_dev != root.parent.stat().st_dev
            if not there:  # it has been mounted since its last start, for somebody who reads it
                self._renew()
            yield
        finally:
            self._starting.discard(str(root))
            self._done.add(str(root))
            self._sweep = self._sweep or asyncio.get_running_loop().call_later(_SWEEP_S, self._let_go)

    def _let_go(self) -> None:
        """Not while somebody waits for his container: an unmount takes a millisecond."""
        self._sweep = None
        with self.inside():
            for root in self._done - self._starting:
                mounts.umount(root, lazy=True)
        self._done.clear()

    def refresh(self, *, anew: bool) -> None:
        """Follows the host's mount table: mounts outside our roots are not propagated where `/` is private.

        `anew`: in any case; a mount that was made again looks like the old one, but is nobody's peer.
        """
        if anew or self._foreign() != self._seen:
            self._renew()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is started in the block starts in the namespace. Never await inside."""
        _call(_libc.setns(self._own, CLONE_NEWNS), "setns")
        try:
            yield
        finally:
            _call(_libc.setns(self._host, CLONE_NEWNS), "setns to the host")

    def close(self, *, teardown: bool) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        if self._own >= 0:
            os.close(self._own)
            self._own = -1
        os.close(self._host)
        if teardown:
            for root in self._roots:
                if len(mounts.mounted_below(root)) == 1:
                    mounts.umount(root, lazy=True)
