"""The disk that all engines of a run share: an ext4 with a journal, in a file of its own, made anew for each run.

The machine's own may be anything. On an ext4 without a journal, as small virtual machines like to have it, each file
that is made steps over every one deleted in the last minutes: whoever pulls after others have removed pays for them,
fifteen thousandfold, and a ratio says nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import shell

_BYTES = 24 << 30
"""Sparse: it takes what is written."""


@contextlib.contextmanager
def mounted(work: Path) -> Iterator[str]:
    """Upon `work`, and gone with everything in it afterwards; which it is."""
    image = work.with_name(f"{work.name}.img")
    try:
        device = _attach(image)
        shell.run("mount", "-o", "noatime", device, str(work))
    except (shell.Failed, OSError) as error:
        image.unlink(missing_ok=True)
        print(f"no file system of the bench's own ({error}): uses the machine's", file=sys.stderr)
        yield "the machine's"
        return
    try:
        yield "ext4 with a journal, on a loop device"
    finally:
        shell.run("umount", str(work), check=False)
        shell.run("losetup", "-d", device, check=False)
        image.unlink(missing_ok=True)


def _attach(image: Path) -> str:
    for program in ("mkfs.ext4", "losetup"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            raise OSError(f"no {program}")
    with image.open("wb") as file:
        file.truncate(_BYTES)
    ready = "lazy_itable_init=0,lazy_journal_init=0"  # or the kernel would go on with it while we measure
    shell.run("mkfs.ext4", "-q", "-m", "0", "-E", ready, str(image))
    return shell.run("losetup", "-f", "--show", "--direct-io=on", str(image)).strip()


def settle() -> None:
    """Before each turn: what others left to be written is not on its bill."""
    os.sync()
    deadline = time.monotonic() + 10
    while _unwritten_kb() > 4096 and time.monotonic() < deadline:
        time.sleep(0.1)
        os.sync()


def _unwritten_kb() -> int:
    rows = Path("/proc/meminfo").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(("Dirty:", "Writeback:")))
