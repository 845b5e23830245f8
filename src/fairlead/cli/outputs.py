"""Where an archive is written to: a file of the user's, never a device. (Written beside and renamed, it would take the
device's place: root's `export -o /dev/null` must leave /dev/null what it is.)"""

from __future__ import annotations

import os
import stat

from fairlead.cli import client


def check(path: str, prefix: str) -> None:
    """Raises Refused with Docker's text."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "an irregular file"
        text = f'invalid output path: "{path}" must be a directory or a regular file: got {what}'
        raise client.Refused(prefix + text)
