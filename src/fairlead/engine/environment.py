"""The environment of a container's process, in Docker's order: defaults, link variables, then its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def assemble(
    *, hostname: str, tty: bool, link_variables: Iterable[str], own: Iterable[str]
) -> list[str]:
    """`own` (image and `-e`) replaces in place by name; an entry of it without `=` takes the name away."""
    base = [DEFAULT_PATH, f"HOSTNAME={hostname}"]
    if tty:
        base.append("TERM=xterm")
    return override([*base, *link_variables], own)


def override(base: Iterable[str], own: Iterable[str]) -> list[str]:
    """Docker's replace-or-append."""
    values: dict[str, str] = {}
    for entry in base:
        values[entry.partition("=")[0]] = entry
    for entry in own:
        name, equals, _ = entry.partition("=")
        if equals:
            values[name] = entry
        else:
            values.pop(name, None)
    return list(values.values())


def with_home(env: Sequence[str], home: str) -> list[str]:
    """The user's home, unless there is one; an empty one is none (runc's rule)."""
    if any(entry.startswith("HOME=") and entry != "HOME=" for entry in env):
        return list(env)
    return [*(entry for entry in env if entry != "HOME="), f"HOME={home}"]


def with_defaults(own: Sequence[str], image: Sequence[str]) -> tuple[str, ...]:
    """The user's entries, then those of the image whose names the user did not give."""
    given = {entry.partition("=")[0] for entry in own}
    return (*own, *(entry for entry in image if entry.partition("=")[0] not in given))
