"""Platforms as people write them: `os[/arch[/variant]]`, or either alone. Pure. (Rules and messages: containerd's
platforms.Parse.)

Used on both sides, by the client in every verb with `--platform`: it imports nothing.
"""

from __future__ import annotations

_SYSTEMS = frozenset((
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "netbsd", "openbsd",
    "plan9", "solaris", "wasip1", "windows", "zos",
))  # fmt: skip
_ARCHITECTURES = frozenset((
    "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64", "mips64le",
    "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64",
    "wasm",
))  # fmt: skip
_OTHER_NAMES = {
    "i386": ("386", ""), "i686": ("386", ""), "x86_64": ("amd64", ""), "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""), "armhf": ("arm", "v7"), "armel": ("arm", "v6"), "armv7l": ("arm", "v7"),
}  # fmt: skip
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def parse(text: str, here: tuple[str, str]) -> tuple[str, str, str]:
    """System, architecture and variant; of a system alone the latter two are `here`. Raises ValueError."""
    parts = text.lower().split("/")
    if len(parts) > 3:
        raise ValueError(f'"{text}": cannot parse platform specifier')
    for at, part in enumerate(parts):
        if not part or not set(part) <= _LETTERS:
            what, pattern = ("an invalid OS", r"^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)\\))?$") if at == 0 else (
                "an invalid", "^[A-Za-z0-9_.-]+$"
            )
            name = "OSAndVersion specifier" if at == 0 else "platform specifier"
            raise ValueError(f'"{part}" is {what} component of "{text}": {name} component must match "{pattern}"')
    if len(parts) == 1:
        if parts[0] in _SYSTEMS:
            return parts[0], *here
        architecture, variant = normal(parts[0])
        if architecture not in _ARCHITECTURES:
            raise ValueError(f'"{text}": unknown operating system or architecture')
        return "linux", architecture, variant
    return parts[0], *normal(parts[1], parts[2] if len(parts) == 3 else "")


def normal(architecture: str, variant: str = "") -> tuple[str, str]:
    """Architecture and variant in Go's words; the first may be uname(2)'s."""
    known, its = _OTHER_NAMES.get(architecture, (architecture, ""))
    variant = variant or its
    # What every such machine is has no variant of its own.
    return known, "" if (known, variant) in (("amd64", "v1"), ("arm64", "v8"), ("arm64", "8")) else variant
