"""Mounts without paths: open_tree(2), move_mount(2), mount_setattr(2). A tree is a descriptor until it is attached.

A mount's source is opened while the host is still in view, and attached after the chroot: whatever the target's path
is made of by then, it cannot lead out. (Linux 5.12)
"""

from __future__ import annotations

import ctypes
import os
import struct

CLONE_NEWNS = 0x20000
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_CLONE, _CLOEXEC = 1, os.O_CLOEXEC
_FROM_FD, _FOLLOW_TARGET = 0x04, 0x10
RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8
_PRIVATE, _SLAVE, _RECURSIVE = 1 << 18, 1 << 19, 16384
_libc = ctypes.CDLL(None, use_errno=True)


def _call(number: int, what: str, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def leave_mount_namespace() -> None:
    """A mount namespace of our own, which learns of the host's mounts and tells it nothing."""
    for result in (
        _libc.unshare(CLONE_NEWNS),
        _libc.mount(b"none", b"/", None, ctypes.c_ulong(_SLAVE | _RECURSIVE), None),
    ):
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"mount namespace: {os.strerror(error)}")


def clone(path: str, *, recursive: bool = True) -> int:
    """A detached copy of what is mounted at `path` (a bind mount that is nowhere yet)."""
    flags = _CLONE | _CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return _call(_OPEN_TREE, path, _AT_FDCWD, os.fsencode(path), ctypes.c_uint(flags))


def restrict(tree: int, flags: int) -> None:
    """Sets mount flags on the whole tree, and parts it from all its peers."""
    attributes = struct.pack("QQQQ", flags, 0, _PRIVATE, 0)
    _call(
        _MOUNT_SETATTR, "mount_setattr", tree, b"", ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE), attributes,
        ctypes.c_size_t(len(attributes)),
    )  # fmt: skip


def attach(tree: int, target: str) -> None:
    """Mounts the tree at `target`."""
    _call(_MOVE_MOUNT, target, tree, b"", _AT_FDCWD, os.fsencode(target), ctypes.c_uint(_FROM_FD | _FOLLOW_TARGET))
