"""What an entry of a tar says besides name and content: times and extended attributes, put upon files."""

from __future__ import annotations

import os
import tarfile

XATTR = "SCHILY.xattr."
_OVERLAY = "trusted.overlay."
_LAST_SECOND = 1 << 40
"""Times beyond what any file system keeps are none."""


def times(info: tarfile.TarInfo) -> tuple[int, int]:
    stamp = _nanoseconds(info)
    return stamp, stamp


def _nanoseconds(info: tarfile.TarInfo) -> int:
    """From the text where there is one: as a float a moment of today has no nanoseconds."""
    text = info.pax_headers.get("mtime", "")
    whole, _, fraction = text.lstrip("-").partition(".")
    if not whole.isdecimal() or (fraction and not fraction.isdecimal()):
        return round(info.mtime * 1_000_000_000) if abs(info.mtime) < _LAST_SECOND else 0
    stamp = int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))
    if int(whole) >= _LAST_SECOND:
        return 0
    return -stamp if text.startswith("-") else stamp


def set_times(name: str, info: tarfile.TarInfo) -> None:
    os.utime(name, ns=times(info), follow_symlinks=False)


def set_attributes(target: str | int, info: tarfile.TarInfo) -> None:
    for key, value in info.pax_headers.items():
        if not key.startswith(XATTR):
            continue
        attribute = key.removeprefix(XATTR)
        if attribute.startswith(_OVERLAY):
            continue
        try:
            data = value.encode("utf-8", "surrogateescape")
            if isinstance(target, int):
                os.setxattr(target, attribute, data)
            else:
                os.setxattr(target, attribute, data, follow_symlinks=False)
        except (OSError, ValueError):
            # Attributes of the builder's system (SELinux labels, user.* on links) may not exist here, as in Docker.
            continue
