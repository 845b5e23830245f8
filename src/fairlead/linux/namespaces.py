"""Namespaces of the kernel: make, enter for a moment, open by process. One thread: never await inside."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def setns(fd: int, kind: int) -> None:
    """setns(2) for the only thread."""
    _check(_libc.setns(fd, kind), "setns")


def current_netns() -> int:
    """A descriptor of our own network namespace."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def pid_netns(pid: int) -> int:
    """A descriptor of a process's network namespace."""
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def new_netns(home: int, setup: Callable[[], None] | None = None) -> int:
    """A descriptor of a fresh network namespace; it lives as long as somebody holds it.

    `home` is where the thread goes back to; `setup` runs inside.
    """
    _check(_libc.unshare(CLONE_NEWNET), "unshare")
    fd = -1
    try:
        fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if setup:
            setup()
    except BaseException:
        if fd >= 0:
            os.close(fd)
        raise
    finally:
        setns(home, CLONE_NEWNET)
    return fd


@contextmanager
def inside(fd: int, home: int, kind: int = CLONE_NEWNET) -> Iterator[None]:
    """The block runs in the namespace."""
    setns(fd, kind)
    try:
        yield
    finally:
        setns(home, kind)


def open_socket(netns: int, home: int, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket that lives in another network namespace for good."""
    with inside(netns, home):
        return socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
