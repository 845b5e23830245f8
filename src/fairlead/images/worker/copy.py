"""Copies files of a build context (or of another image) into a tree, and unpacks archives there: COPY and ADD.

Sources are found below a directory that is opened before the chroot, links within it included; the target is the
chroot itself. So neither a context nor an image can reach anything else.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import stat
from typing import Any

from fairlead.images.worker import unpack
from fairlead.images.worker.source import Source

_CHUNK = 1 << 18


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """`source` root, `paths` patterns in it, `target` root, `destination` in it, `owner` [uid, gid], `mode`."""
    root = os.open(arguments["source"], os.O_PATH | os.O_DIRECTORY)
    found = [path for pattern in arguments["paths"] for path in _find(root, pattern)]
    if not found:
        raise unpack.Refused("no source files were specified")
    if arguments.get("digest"):
        return {"digest": _digest(root, found)}
    os.chroot(arguments["target"])
    os.chdir("/")
    os.umask(0)
    destination = os.path.normpath("/" + arguments["destination"])
    into = arguments["destination"].endswith("/") or len(found) > 1 or os.path.isdir(destination)
    owner, mode = tuple(arguments.get("owner") or (0, 0)), arguments.get("mode")
    for path in found:
        _place(root, path, destination, into=into, owner=owner, mode=mode, archives=arguments.get("archives", False))
    return {"count": len(found)}


def _find(root: int, pattern: str) -> list[str]:
    clean = os.path.normpath("/" + pattern).lstrip("/") or "."
    if not any(c in clean for c in "*?["):
        try:
            os.stat(clean, dir_fd=root, follow_symlinks=False)
        except OSError:
            raise unpack.Refused(
                f"COPY failed: file not found in build context or excluded by .dockerignore: stat {clean}: "
                "file does not exist"
            ) from None
        return [clean]
    matches = []
    for folder, names, leaves, _ in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        for name in [*names, *leaves]:
            path = os.path.normpath(f"{folder}/{name}")
            if path.count("/") == clean.count("/") and fnmatch.fnmatchcase(path, clean):
                matches.append(path)
    if not matches:
        raise unpack.Refused(f"COPY failed: no source files were specified: {pattern}")
    return sorted(matches)


def _resolve(root: int, path: str) -> int:
    """The source itself, its last link followed within the root (RESOLVE_IN_ROOT was paid for before the chroot)."""
    for _ in range(40):
        status = os.stat(path, dir_fd=root, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=root)
        link = os.readlink(path, dir_fd=root)
        joined = link if link.startswith("/") else f"{os.path.dirname(path)}/{link}"
        path = os.path.normpath("/" + joined).lstrip("/") or "."
    raise unpack.Refused(f"too many links: {path}")


def _place(
    root: int, path: str, destination: str, *, into: bool, owner: tuple[int, ...], mode: int | None, archives: bool
) -> None:
    fd = _resolve(root, path)
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            _parents(destination, owner)
            _tree(fd, destination, owner, mode)
            return
        if archives and _is_archive(fd):
            _parents(destination, owner)
            os.chdir(destination)
            os.lseek(fd, 0, os.SEEK_SET)
            unpack.Unpacker(Source(fd, limit=1 << 40), None, layer=False).run()
            os.chdir("/")
            return
        target = f"{destination.rstrip('/')}/{os.path.basename(path)}" if into else destination
        _parents(os.path.dirname(target), owner)
        _file(fd, target, owner, mode)
    finally:
        os.close(fd)


def _is_archive(fd: int) -> bool:
    head = os.pread(fd, 512, 0)
    return head[257:262] == b"ustar" or head.startswith((b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"))


def _parents(path: str, owner: tuple[int, ...]) -> None:
    missing = []
    while path not in ("/", "") and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for made in reversed(missing):
        os.mkdir(made, 0o755)
        os.chown(made, *owner)


def _file(fd: int, target: str, owner: tuple[int, ...], mode: int | None) -> None:
    status = os.fstat(fd)
    if os.path.islink(target) or (os.path.lexists(target) and not os.path.isfile(target) and not os.path.isdir(target)):
        os.unlink(target)
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        while data := os.read(fd, _CHUNK):
            os.write(out, data)
        os.fchown(out, *owner)
        os.fchmod(out, stat.S_IMODE(status.st_mode) if mode is None else mode)
        for name in os.listxattr(fd):
            if name == "security.capability":
                os.setxattr(out, name, os.getxattr(fd, name))
        os.utime(out, ns=(status.st_mtime_ns, status.st_mtime_ns))
    finally:
        os.close(out)


def _tree(fd: int, target: str, owner: tuple[int, ...], mode: int | None) -> None:
    """The content of a directory, merged into `target`."""
    with os.scandir(fd) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        path = f"{target.rstrip('/')}/{name}"
        if stat.S_ISDIR(status.st_mode):
            if os.path.lexists(path) and not os.path.isdir(path):
                os.unlink(path)
            if not os.path.isdir(path):
                os.mkdir(path)
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=fd)
            try:
                _tree(inner, path, owner, mode)
            finally:
                os.close(inner)
            os.chown(path, *owner)
            os.chmod(path, stat.S_IMODE(status.st_mode) if mode is None else mode)
        elif stat.S_ISLNK(status.st_mode):
            _remove(path)
            os.symlink(os.readlink(name, dir_fd=fd), path)
            os.chown(path, *owner, follow_symlinks=False)
        elif stat.S_ISREG(status.st_mode):
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                _file(inner, path, owner, mode)
            finally:
                os.close(inner)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _digest(root: int, paths: list[str]) -> str:
    """What the cache compares: names, kinds, modes, contents; not times."""
    total = hashlib.sha256()
    for path in paths:
        fd = _resolve(root, path)
        try:
            _digest_one(fd, os.path.basename(path), total)
        finally:
            os.close(fd)
    return total.hexdigest()


def _digest_one(fd: int, name: str, total: hashlib._Hash) -> None:
    status = os.fstat(fd)
    total.update(f"{name}\0{status.st_mode:o}\0{status.st_size if stat.S_ISREG(status.st_mode) else 0}\0".encode())
    if stat.S_ISREG(status.st_mode):
        os.lseek(fd, 0, os.SEEK_SET)
        while data := os.read(fd, _CHUNK):
            total.update(data)
    elif stat.S_ISDIR(status.st_mode):
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in entries)
        for inner in names:
            kind = os.stat(inner, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISLNK(kind.st_mode):
                total.update(f"{inner}\0link\0{os.readlink(inner, dir_fd=fd)}\0".encode())
            elif stat.S_ISREG(kind.st_mode) or stat.S_ISDIR(kind.st_mode):
                below = os.open(inner, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
                try:
                    _digest_one(below, inner, total)
                finally:
                    os.close(below)
        total.update(b"end\0")
