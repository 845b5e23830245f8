"""/etc/hosts of a container: what is in it, and how it changes while the container runs.

Lines are `address TAB names`. The file is bind-mounted, so every change is made in place (same inode).
Order as in Docker since 1.10: defaults, --add-host, links, own lines. Pure but for `rewrite`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fairlead.linux import files

_V4 = (("127.0.0.1", "localhost"),)
_V6 = (
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


@dataclass(frozen=True, slots=True)
class LinkLine:
    """What a recipient's file says of a source: address, alias, the source's hostname and name."""

    address: str
    alias: str
    hostname: str
    name: str

    def render(self) -> str:
        names = [self.alias, self.hostname, *([self.name] if self.name != self.alias else [])]
        return f"{self.address}\t{' '.join(names)}\n"


def own_names(hostname: str, domainname: str) -> str:
    """`web.x.org web`, or just `web`."""
    full = f"{hostname}.{domainname}" if domainname else hostname
    return f"{full} {full.split('.')[0]}" if "." in full else full


def render(
    *,
    extra: Iterable[tuple[str, str]] = (),
    links: Iterable[LinkLine] = (),
    own: Iterable[tuple[str, str]] = (),
    ipv6: bool = True,
) -> str:
    """The whole file. `extra` and `own` are (address, names)."""
    rows = [*_V4, *(_V6 if ipv6 else ()), *extra]
    text = "".join(f"{address}\t{names}\n" for address, names in rows if ipv6 or ":" not in address)
    text += "".join(line.render() for line in links)
    return text + "".join(f"{address}\t{names}\n" for address, names in own if ipv6 or ":" not in address)


def _is_of(line: str, alias: str) -> bool:
    """Whether the first name of the line is the alias (followed by white space or a dot), as Docker matches it."""
    _, tab, names = line.partition("\t")
    rest = names[len(alias) :]
    return bool(tab) and names.startswith(alias) and (not rest.strip() or rest[0] in " \t.\n")


def put_link(text: str, line: LinkLine) -> str:
    """The text with this link's line: replaced where the alias has one, else before the last (own) line."""
    lines = text.splitlines(keepends=True)
    family6 = ":" in line.address
    for number, old in enumerate(lines):
        if _is_of(old, line.alias) and (":" in old.split("\t")[0]) == family6:
            lines[number] = line.render()
            return "".join(lines)
    at = len(lines) - 1 if len(lines) > len(_V4) else len(lines)
    return "".join([*lines[:at], line.render(), *lines[at:]])


def drop_link(text: str, alias: str) -> str:
    """The text without the alias's lines."""
    return "".join(line for line in text.splitlines(keepends=True) if not _is_of(line, alias))


def put_own(text: str, address: str, names: str) -> str:
    """The text with an own line at its end, as Docker adds it for a network that is joined later."""
    return f"{text}{address}\t{names}\n"


def drop_own(text: str, address: str, names: str) -> str:
    """The text without exactly that line."""
    return "".join(line for line in text.splitlines(keepends=True) if line.rstrip("\n") != f"{address}\t{names}")


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Applies a change to the file in place; a file that is gone is left so."""
    try:
        before = path.read_text()
    except FileNotFoundError:
        return
    after = change(before)
    if after != before:
        files.rewrite_in_place(path, after)
