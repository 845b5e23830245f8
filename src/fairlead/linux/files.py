"""Files: atomic replacement, rewriting in place, locks, removal of trees, opening inside a root."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import struct
from pathlib import Path

_DEEP, _LONG = 200, 2048
_TRIES = 8

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_OPENAT2 = 437
RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS = 0x10, 0x02


def write_atomic(
    path: Path, data: bytes | str, *, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> None:
    """Readers see the old file or the new one, whole."""
    raw = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        if owner is not None:
            os.fchown(fd, *owner)
        os.fchmod(fd, mode)
        _write_all(fd, raw)
    except OSError:
        temporary.unlink()
        raise
    finally:
        os.close(fd)
    temporary.rename(path)


def _write_all(fd: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(fd, view) :]


def rewrite_in_place(path: Path, text: bytes | str) -> None:
    """New content in the same inode: a file that is bind-mounted elsewhere changes there too.

    One pwrite, then truncation: a reader in between sees the new text, perhaps with the old tail, never an empty file.
    """
    raw = text.encode() if isinstance(text, str) else text
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.pwrite(fd, raw, 0)
        os.ftruncate(fd, len(raw))
    finally:
        os.close(fd)


def remove_tree(path: Path) -> None:
    """rm -rf; absent is fine. Symbolic links are removed, never followed.

    Others may be at work in it, as the probe that ends with its container. Then the tree is moved out of their way:
    they know it by its name.
    """
    for left in reversed(range(_TRIES)):
        try:
            shutil.rmtree(path)
            return
        except RecursionError:
            flatten(str(path))
        except FileNotFoundError:
            if not os.path.lexists(path):
                return
        except OSError as error:
            if error.errno == errno.EMFILE and left:  # one for each level
                flatten(str(path))
                continue
            if error.errno != errno.ENOTEMPTY or not left:
                raise
            path = path.rename(path.with_name(f".{path.name}.gone"))


def flatten(top: str) -> None:
    """Moves what lies too deep below a directory to be walked, or to be named at all, up to its top. Whoever makes
    directories within directories is under no limit."""
    found = [(top, 0)]
    number = 0
    while found:
        folder, depth = found.pop()
        with os.scandir(folder) as entries:
            inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for path in inner:
            if depth < _DEEP and len(path) < _LONG:
                found.append((path, depth + 1))
                continue
            number += 1
            moved = f"{top}/.deep-{os.getpid()}-{number}"
            Path(path).rename(moved)
            found.append((moved, 1))


def open_directory(path: str) -> int:
    """Also where the path is longer than the kernel takes at once."""
    fd = -1
    while len(path) > _LONG:
        first, path = path[: (at := path.rindex("/", 0, _LONG))], path[at + 1 :]
        fd = _step(first, fd, os.O_PATH)
    return _step(path, fd, 0)


def _step(path: str, below: int, flags: int) -> int:
    try:
        flags |= os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return os.open(path, flags, dir_fd=None if below < 0 else below)
    finally:
        if below >= 0:
            os.close(below)


def lock(path: Path) -> int | None:
    """An exclusive lock held as long as the returned descriptor is open; None if somebody has it."""
    return _locked(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def lock_directory(path: Path) -> int | None:
    """The same upon a directory: for what is in it, and may be replaced."""
    return _locked(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def _locked(fd: int) -> int | None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def open_in_root(root: Path, path: str, flags: int = os.O_RDONLY) -> int:
    """Opens `path` as seen by a process whose root is `root` (openat2(2), RESOLVE_IN_ROOT): links cannot lead out."""
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_at_root(directory, path, flags)
    finally:
        os.close(directory)


def make_directories_in_root(root: Path, path: str, mode: int = 0o755) -> None:
    """What of `path` is missing, as a process whose root is `root` would make it. What is no directory stays."""
    try:
        os.close(open_in_root(root, path, os.O_PATH))
        return
    except FileNotFoundError:
        above, _, name = path.rstrip("/").rpartition("/")
    if above:
        make_directories_in_root(root, above, mode)
    parent = open_in_root(root, above or "/", os.O_PATH | os.O_DIRECTORY)
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        return  # a link that leads nowhere
    finally:
        os.close(parent)


def open_at_root(directory: int, path: str, flags: int = os.O_RDONLY) -> int:
    """The same below a directory that is open already: also after a chroot elsewhere."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    fd = _libc.syscall(_SYS_OPENAT2, directory, os.fsencode(path or "/"), how, len(how))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{path}: {os.strerror(number)}")
    return int(fd)
