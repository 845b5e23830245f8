"""Help texts, laid out as docker's (cobra and pflag): every line is made from what the verbs declare themselves."""

from __future__ import annotations

import os
import sys

from fairlead.cli import flags, main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_COMMON = ("run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info")
NOUNS = {
    "builder": "Manage builds", "container": "Manage containers", "image": "Manage images",
    "link": "Manage links between containers",
    "network": "Manage networks", "system": "Manage the engine", "volume": "Manage volumes",
}  # fmt: skip
_OWN = {
    "daemon": "Run the engine in the foreground",
    "doctor": "Check what this host has for running containers",
}
_SLOP, _NARROW = 5, 24


def overview() -> int:
    """`fairlead --help`"""
    rest = {verb: target for verb, target in main.VERBS.items() if verb not in _COMMON}
    others = {**{verb: about(target) for verb, target in rest.items()}, **_OWN}
    sections = (
        ("Common Commands", {verb: about(main.VERBS[verb]) for verb in _COMMON}),
        ("Management Commands", NOUNS),
        ("Commands", dict(sorted(others.items()))),
    )
    out = [f"Usage:  {main.PROGRAM} [OPTIONS] COMMAND", "", main.GLOBAL.about]
    for title, rows in sections:
        out += ["", f"{title}:", *(f"  {verb:<11} {told}" for verb, told in rows.items())]
    out += ["", "Global Options:", *_flags(main.GLOBAL)]
    out += ["", f"Run '{main.PROGRAM} COMMAND --help' for more information on a command."]
    return _say(out)


def noun(name: str, out: TextIO) -> int:
    """`fairlead container`"""
    unshown = ("list", "remove", "dial-stdio", *(("ps",) if name == "container" else ()))
    verbs = {verb: target for verb, target in sorted(main.NOUNS[name].items()) if verb not in unshown}
    lines = [f"Usage:  {main.PROGRAM} {name} COMMAND", "", NOUNS[name], "", "Commands:"]
    lines += [f"  {verb:<11} {about(target)}" for verb, target in verbs.items()]
    lines += ["", f"Run '{main.PROGRAM} {name} COMMAND --help' for more information on a command."]
    return _say(lines, out)


def show(verb: flags.Verb, path: str, target: str) -> int:
    """`fairlead VERB --help`: usage, purpose, other names, flags."""
    out = [f"Usage:  {main.PROGRAM} {path} {verb.form}".rstrip(), "", verb.about]
    names = [f"{noun} {each}" for noun, verbs in main.NOUNS.items() for each, to in verbs.items() if to == target]
    names += [each for each, to in main.VERBS.items() if to == target]
    if len(names) > 1:
        out += ["", "Aliases:", "  " + ", ".join(f"{main.PROGRAM} {name}" for name in names)]
    if below := main.BELOW.get(path.split()[-1]):
        out += ["", "Commands:", *(f"  {each:<11} {about(to)}" for each, to in below.items())]
    if any(not flag.hidden for flag in verb.flags):
        out += ["", "Options:", *_flags(verb)]
    return _say(out)


def _say(lines: list[str], out: TextIO = sys.stdout) -> int:
    out.write("\n".join(lines) + "\n")
    return 0


def about(target: str) -> str:
    return main.declaration(target).about


def _flags(verb: flags.Verb) -> list[str]:
    shown = sorted((flag for flag in verb.flags if not flag.hidden), key=lambda flag: flag.name)
    heads = [_head(flag) for flag in shown]
    width = max(map(len, heads)) + 3
    columns = _columns() - 1
    lines = []
    for head, flag in zip(heads, shown, strict=True):
        text = _wrap(flag.help + _default(flag), width, columns)
        lines += f"{head:<{width}}{text}".rstrip().split("\n")
    return lines


def _columns() -> int:
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def _head(flag: flags.Flag) -> str:
    word = f" {flag.word}" if flag.word else ""
    return f"  {f'-{flag.short}, ' if flag.short else '    '}--{flag.name}{word}"


def _default(flag: flags.Flag) -> str:
    if not flag.default:
        empty = {"map": "map[]", "ulimit": "[]", "duration": "0s", "uint16": "0"}.get(flag.word)
        return f" (default {empty})" if empty else ""
    if flag.kind == "str":
        return f' (default "{flag.default}")'
    return f" (default {'true' if flag.default is True else flag.default})"


def _wrap(text: str, indent: int, columns: int) -> str:
    """pflag's: a last word or two may stick out a little."""
    width = columns - indent
    start = ""
    if width < _NARROW:
        indent = 16
        width = columns - indent
        start = "\n" + " " * indent
    if width < _NARROW:
        return text
    width -= _SLOP
    lines = []
    while len(text) > width + _SLOP:
        at = text.rfind(" ", 0, width)
        if at <= 0:
            break
        lines.append(text[:at])
        text = text[at + 1 :]
    return start + ("\n" + " " * indent).join([*lines, text])
