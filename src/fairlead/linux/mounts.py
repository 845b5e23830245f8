"""mount(2) and its kin through libc: one typed function per thing we mount. No `mount` process is ever started."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC = 32, 4096, 16384
MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 18, 1 << 19, 1 << 20
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
_PAGE = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(
    source: str | Path, target: str | Path, *, fstype: str | None = None, flags: int = 0, data: str | None = None
) -> None:
    """mount(2)."""
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            fstype.encode() if fstype else None,
            ctypes.c_ulong(flags),
            os.fsencode(data) if data else None,
        ),
        f"mount {target}",
    )


def umount(target: str | Path, *, lazy: bool = False) -> None:
    """umount2(2), never following a link. Not mounted, or not there, is success."""
    flags = UMOUNT_NOFOLLOW | (MNT_DETACH if lazy else 0)
    if _libc.umount2(os.fsencode(target), flags) < 0:
        number = ctypes.get_errno()
        if number not in (22, 2):  # EINVAL: no mount point; ENOENT
            raise OSError(number, f"umount {target}: {os.strerror(number)}")


def overlay(lower: Sequence[Path], upper: Path, work: Path, target: Path) -> None:
    """Mounts layers (topmost first) with a writable upper directory.

    The options of mount(2) end at one page, so many layers are named by open descriptors, relative to /proc/self/fd,
    from a working directory that is put back before anybody can see it (there is one thread).
    """
    data = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    if len(os.fsencode(data)) < _PAGE:
        mount("overlay", target, fstype="overlay", data=data)
        return
    opened: list[int] = []
    before = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for path in lower:
            opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        os.chdir("/proc/self/fd")
        data = f"lowerdir={':'.join(map(str, opened))},upperdir={upper},workdir={work}"
        mount("overlay", target, fstype="overlay", data=data)
    finally:
        os.fchdir(before)
        for fd in (before, *opened):
            os.close(fd)


def bind(source: str | Path, target: str | Path, *, recursive: bool = False, read_only: bool = False) -> None:
    """A bind mount; read-only needs a second call to the kernel."""
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def propagation(target: str | Path, kind: int, *, recursive: bool = False) -> None:
    """Makes a mount shared, slave or private."""
    mount("none", target, flags=kind | (MS_REC if recursive else 0))


def table() -> list[tuple[str, str]]:
    """(mount point, file system type) of every mount we see, in mount order (proc(5), mountinfo)."""
    rows = []
    with open("/proc/self/mountinfo", "rb") as f:  # noqa: PTH123  # read often
        for line in f:
            left, _, right = line.partition(b" - ")
            point = left.split()[4].decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")
            rows.append((point, right.split()[0].decode()))
    return rows


_FLAGS = {
    "ro": (MS_RDONLY, True), "rw": (MS_RDONLY, False), "suid": (MS_NOSUID, False), "nosuid": (MS_NOSUID, True),
    "dev": (MS_NODEV, False), "nodev": (MS_NODEV, True), "exec": (MS_NOEXEC, False), "noexec": (MS_NOEXEC, True),
    "sync": (16, True), "async": (16, False), "remount": (MS_REMOUNT, True), "mand": (64, True), "nomand": (64, False),
    "dirsync": (128, True), "atime": (1024, False), "noatime": (1024, True), "diratime": (2048, False),
    "nodiratime": (2048, True), "bind": (MS_BIND, True), "rbind": (MS_BIND | MS_REC, True),
    "relatime": (1 << 21, True), "norelatime": (1 << 21, False), "strictatime": (1 << 24, True),
    "nostrictatime": (1 << 24, False), "defaults": (0, True),
}  # fmt: skip


def parse_options(text: str) -> tuple[int, str]:
    """mount(8)'s `ro,noexec,size=1m` → flags of mount(2), and what is left for the file system."""
    flags, data = 0, []
    for word in filter(None, text.split(",")):
        flag, on = _FLAGS.get(word, (0, False))
        flags = flags | flag if on else flags & ~flag
        if word not in _FLAGS:
            data.append(word)
    return flags, ",".join(data)


def is_mounted(path: str | Path) -> bool:
    """Whether something is mounted right there, binds of the same file system included."""
    return any(point == str(path) for point, _ in table())


def lines() -> list[bytes]:
    """The mount table as the kernel tells it (proc(5), mountinfo)."""
    with open("/proc/self/mountinfo", "rb") as f:  # noqa: PTH123
        return f.readlines()


def enclosing(path: Path) -> tuple[str, frozenset[str]]:
    """The mount that `path` lies on, and to whom it propagates: `shared`, `master` (it is a slave), or neither."""
    real = os.path.realpath(path)
    found, peers = "/", frozenset[str]()
    for line in lines():
        fields = line.partition(b" - ")[0].split()
        point = fields[4].decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found):
            found, peers = point, frozenset(word.partition(b":")[0].decode() for word in fields[6:])
    return found, peers & {"shared", "master"}


def file_system(path: Path) -> str:
    """Type of the file system that `path` lies on."""
    point, _ = enclosing(path)
    return next((kind for mounted, kind in reversed(table()) if mounted == point), "")


def mounted_below(path: Path) -> list[Path]:
    """Mount points below `path` and `path` itself, deepest first: the order in which to unmount."""
    prefix = f"{path}/"
    found = [Path(point) for point, _ in table() if point == str(path) or point.startswith(prefix)]
    return list(reversed(found))
