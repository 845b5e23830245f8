"""Options of a tmpfs as mount(8) writes them: which there are, and the later of two that contradict each other wins.

As moby/sys mount.MergeTmpfsOptions.
"""

from __future__ import annotations

from fairlead.errors import InvalidParameter

_DEFAULTS = ("noexec", "nosuid", "nodev")
_PAIRS = (
    ("ro", "rw"), ("noexec", "exec"), ("nosuid", "suid"), ("nodev", "dev"), ("sync", "async"), ("nomand", "mand"),
    ("noatime", "atime"), ("nodiratime", "diratime"), ("relatime", "norelatime"), ("strictatime", "nostrictatime"),
)  # fmt: skip
_KIND = {word: pair[0] for pair in _PAIRS for word in pair}
_VALUES = ("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol")
_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")


def options(text: str) -> list[str]:
    """The whole list for a mount, Docker's defaults first. InvalidParameter names what is none."""
    chosen = {_KIND[word]: word for word in _DEFAULTS}
    for word in filter(None, text.split(",")):
        name, equals, value = word.partition("=")
        if word in _KIND:
            chosen[_KIND[word]] = word
        elif word in ("defaults", "dirsync", *_PROPAGATIONS):
            chosen[word] = word
        elif name in _VALUES and equals:
            chosen[name] = word
        else:
            parts = " ".join(f'"{part}"' for part in ([name, value] if equals else [name]))
            raise InvalidParameter(f"invalid tmpfs option [{parts}]")
    return list(chosen.values())
