"""The programs of others that we start, with their versions, and the files we take from the distribution."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead.daemon.checks import probe
from fairlead.daemon.checks.finding import Finding, Packages, missing, ok
from fairlead.network import libnftables


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    names: tuple[str, ...]
    """Any of them does."""
    purpose: str
    packages: Packages
    needed: bool = True
    oldest: tuple[int, ...] = ()
    version_flag: str = "--version"


PROGRAMS = (
    Program(
        names=("crun",),
        purpose="starts the containers",
        packages=Packages(apt="crun", dnf="crun", apk="crun", pacman="crun"),
        oldest=(1, 5),
    ),
    Program(
        names=("conmon",),
        purpose="stays with each container",
        packages=Packages(apt="conmon", dnf="conmon", apk="conmon", pacman="conmon"),
        oldest=(2, 1),
    ),
    Program(
        names=("nft",),
        purpose="lays out the table at the daemon's start",
        packages=Packages(apt="nftables", dnf="nftables", apk="nftables", pacman="nftables"),
        oldest=(0, 9, 8),
    ),
    Program(
        names=("ps",),
        purpose="container top",
        packages=Packages(apt="procps", dnf="procps-ng", apk="procps", pacman="procps-ng"),
        needed=False,
    ),
    Program(
        names=("mmdebstrap",),
        purpose="image bootstrap",
        packages=Packages(apt="mmdebstrap", dnf="mmdebstrap", apk="mmdebstrap (edge)", pacman="mmdebstrap (AUR)"),
        needed=False,
    ),
    Program(
        names=("catatonit", "docker-init", "tini"),
        purpose="run --init",
        packages=Packages(apt="catatonit", dnf="catatonit", apk="catatonit", pacman="catatonit"),
        needed=False,
    ),
)

NFT = Packages(apt="libnftables1", dnf="nftables", apk="nftables", pacman="nftables")
BUSYBOX = Packages(apt="busybox-static", dnf="busybox", apk="busybox-static", pacman="busybox")
SECCOMP = Packages(
    apt="golang-github-containers-common", dnf="containers-common", apk="containers-common", pacman="containers-common"
)
SECCOMP_PROFILES = ("/usr/share/containers/seccomp.json", "/etc/containers/seccomp.json")


async def findings() -> list[Finding]:
    return [*[await _examine(program) for program in PROGRAMS], _busybox(), _seccomp_profile(), _nft_library()]


async def _examine(program: Program) -> Finding:
    path = next((found for name in program.names if (found := shutil.which(name, path=probe.SEARCH_PATH))), None)
    title = Path(path).name if path else program.names[0]
    mend = f"install {program.packages}"
    if path is None:
        return missing(title, f"not found; {program.purpose}", mend, needed=program.needed)
    version = parse_version(await probe.said_by(path, program.version_flag))
    shown = ".".join(str(part) for part in version)
    if version and version < program.oldest:
        oldest = ".".join(str(part) for part in program.oldest)
        return missing(title, f"{shown} ({path}), needs {oldest} or newer", mend, needed=program.needed)
    return ok(title, f"{shown} ({path})".lstrip())


def parse_version(text: str) -> tuple[int, ...]:
    """The first dotted number in what a program says of itself."""
    match = re.search(r"\b[v]?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _busybox() -> Finding:
    candidates = [
        shutil.which(name, path=probe.SEARCH_PATH) for name in ("busybox.static", "busybox-static", "busybox")
    ]
    present = [path for path in candidates if path]
    for path in present:
        if is_static(Path(path)):
            return ok("busybox (static)", path)
    detail = f"{present[0]} is linked dynamically" if present else "not found; image bootstrap --busybox"
    return missing("busybox (static)", detail, f"install {BUSYBOX}", needed=False)


def is_static(path: Path) -> bool:
    """Whether a 64-bit little-endian ELF file asks for no interpreter (no PT_INTERP among its program headers)."""
    data = path.read_bytes()[:4096]
    if data[:6] != b"\x7fELF\x02\x01":
        return False
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    kinds = [struct.unpack_from("<I", data, offset + index * size)[0] for index in range(count)]
    return 3 not in kinds


def _nft_library() -> Finding:
    purpose = "puts the tables back when somebody flushes them"
    if libnftables.available():
        return ok("libnftables", purpose)
    return missing("libnftables", f"not found; {purpose}", f"install {NFT}", needed=False)


def _seccomp_profile(places: Sequence[str] = SECCOMP_PROFILES) -> Finding:
    for place in places:
        if Path(place).exists():
            return ok("seccomp profile", place)
    return missing("seccomp profile", "not found; the default system call filter is made from it", f"install {SECCOMP}")
