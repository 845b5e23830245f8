"""Run as a program where a tree is mounted: `make DIR` fills it with what goes wrong between container engines,
`change DIR` alters it as a second layer does, `scan DIR` tells everything about any tree, as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import sys
from typing import Any

MOMENT, FAR = 1_600_000_000, 5_000_000_000
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10 | 1 << 13, 0, 0, 0)
"""cap_net_bind_service and cap_net_raw, effective and permitted (linux/capability.h, revision 2)."""


def _file(name: str | bytes, data: bytes = b"", mode: int = 0o644, uid: int = 0, gid: int = 0) -> None:
    with open(name, "wb") as file:
        file.write(data)
    os.chown(name, uid, gid)
    os.chmod(name, mode)


def make() -> None:
    os.umask(0)
    modes = {"plain": 0o755, "sticky": 0o1777, "setgid": 0o2750, "closed": 0o700, "deep": 0o755}
    for directory, mode in modes.items():
        os.mkdir(directory)
        os.chmod(directory, mode)
    os.chown("setgid", 1000, 3000)
    os.makedirs("deep/" + "/".join(["d" * 200] * 3))
    _file("deep/" + "/".join(["d" * 200] * 3) + "/" + "f" * 255, b"at the bottom")
    _file("plain/file", b"text\n", uid=1234, gid=4321)
    _file("plain/large-ids", b"x", uid=3_000_000_000, gid=2_999_999_999)
    _file("plain/empty")
    _file("plain/setuid", b"#!/bin/sh\n", 0o6755, uid=33, gid=33)
    _file("plain/unreadable", b"x", 0)
    _file("plain/big", bytes(range(256)) * 8000)
    _file("plain/hole", b"start")
    with open("plain/hole", "r+b") as file:
        file.seek(3_000_000)
        file.write(b"end")
    _file(b"plain/latin-\xe9\xff", b"not UTF-8")
    _file("plain/caf\u00e9", b"composed")
    _file("plain/cafe\u0301", b"decomposed")
    _file("plain/new\nline and \t tab = sign", b"x")
    _file("plain/ leading and trailing ", b"x")
    _file("plain/-dash", b"x")
    _file("plain/.wh", b"no whiteout")
    for case in ("Case", "case", "CASE"):
        _file(f"plain/{case}", case.encode())
    os.link("plain/file", "plain/hard")
    os.link("plain/file", "sticky/hard too")
    links = {"relative": "file", "absolute": "/plain/file", "dangling": "no/where", "up": "../../.."}
    for name, target in links.items():
        os.symlink(target, f"plain/{name}")
    os.symlink("l" * 2000, "plain/long-link")
    os.lchown("plain/relative", 55, 66)
    os.link("plain/dangling", "plain/dangling-hard", follow_symlinks=False)
    os.mkfifo("plain/fifo", 0o640)
    os.mknod("plain/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod("plain/loop", stat.S_IFBLK | 0o660, os.makedev(7, 300))
    _file("plain/capable", b"program", 0o755)
    os.setxattr("plain/capable", "security.capability", CAPABILITY)
    os.setxattr("plain/capable", "user.binary", bytes(range(256)))
    os.setxattr("plain", "user.on-directory", b"a=b\nc")
    os.setxattr("plain/file", "user.almost-empty", b"\0")  # Go's readers pass over empty ones
    for name in ("gone", "becomes-directory", "becomes-link"):
        _file(f"plain/{name}", name.encode())
    for directory in ("emptied", "becomes-file", "refilled", "removed"):
        os.makedirs(f"{directory}/below")
        _file(f"{directory}/below/file", directory.encode())
        _file(f"{directory}/file", directory.encode())
    _times()


def change() -> None:
    os.umask(0)
    os.unlink("plain/gone")
    os.unlink("plain/becomes-directory")
    os.mkdir("plain/becomes-directory")
    _file("plain/becomes-directory/file", b"new")
    os.unlink("plain/becomes-link")
    os.symlink("file", "plain/becomes-link")
    for directory in ("emptied", "becomes-file", "refilled", "removed"):
        _remove(directory)
    os.mkdir("emptied", 0o700)
    _file("becomes-file", b"now a file")
    os.mkdir("refilled")
    os.mkdir("refilled/below")
    _file("refilled/other", b"new")
    os.chmod("plain/empty", 0o600)
    os.chown("closed", 7, 8)
    os.removexattr("plain/capable", "user.binary")
    os.setxattr("plain/capable", "user.later", b"\0\xff")
    os.unlink("plain/hard")
    with open("plain/big", "r+b") as file:
        file.write(b"changed")
    _file("sticky/new", b"x")
    os.link("sticky/new", "plain/new-hard")
    _times()


def _remove(directory: str) -> None:
    for entry in list(os.scandir(directory)):
        if entry.is_dir(follow_symlinks=False):
            _remove(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(directory)


def _times() -> None:
    """Odd ones, in place of those of now: also in the far future. (Go's readers make 1970 of what was before.)
    Directories last."""
    names = sorted(os.path.join(top, name) for top, below, files in os.walk(b".") for name in (*below, *files))
    for number, name in enumerate([*reversed(names), b"."]):
        if MOMENT * 1.05 < os.lstat(name).st_mtime < FAR:
            moment = {0: 0, 1: FAR}.get(number, MOMENT + 7 * number)
            os.utime(name, (moment, moment), follow_symlinks=False)


def scan() -> list[dict[str, Any]]:
    """Everything below, and the root itself. Names as they are, one character a byte."""
    seen: dict[tuple[int, int], str] = {}
    found = [_entry(b".", seen)]
    for top, below, files in os.walk(b"."):
        below.sort()
        found += [_entry(os.path.join(top, name), seen) for name in sorted((*below, *files))]
    return sorted(found, key=lambda entry: str(entry["name"]))


def _entry(path: bytes, seen: dict[tuple[int, int], str]) -> dict[str, Any]:
    status, name = os.lstat(path), path.decode("latin-1")
    kind = stat.S_IFMT(status.st_mode)
    out: dict[str, Any] = {
        "name": name, "mode": oct(status.st_mode), "owner": [status.st_uid, status.st_gid],
        "mtime": status.st_mtime_ns, "rdev": status.st_rdev,
        "xattrs": {key: os.getxattr(path, key, follow_symlinks=False).hex()
                   for key in sorted(os.listxattr(path, follow_symlinks=False))},
    }  # fmt: skip
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            out |= {"size": status.st_size, "sha256": hashlib.sha256(file.read()).hexdigest()}
    elif kind == stat.S_IFLNK:
        out["link"] = os.readlink(path).decode("latin-1")
    if kind != stat.S_IFDIR:
        out["same as"] = seen.setdefault((status.st_dev, status.st_ino), name)
    return out


def main() -> None:
    os.chdir(sys.argv[2])
    match sys.argv[1]:
        case "make":
            make()
        case "change":
            change()
        case "scan":
            json.dump(scan(), sys.stdout)


if __name__ == "__main__":
    main()
