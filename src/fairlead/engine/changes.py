"""`--change` instructions of import and commit: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER,
VOLUME, WORKDIR, HEALTHCHECK, applied to a configuration. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from fairlead.errors import InvalidParameter
from fairlead.images.manifest import parse_port
from fairlead.model.container import Config, Port


def apply(config: Config, changes: Sequence[str]) -> Config:
    """The configuration after all changes, in order."""
    for change in changes:
        word, _, rest = change.strip().partition(" ")
        step = _STEPS.get(word.upper())
        if step is None:
            raise InvalidParameter(f"{word.upper()} is not a valid change command")
        config = step(config, rest.strip())
    return config


def argv(text: str, shell: Sequence[str] = ()) -> tuple[str, ...]:
    """The exec form (a JSON list), or the shell form."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except ValueError:
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return tuple(words)
    return (*(shell or ("/bin/sh", "-c")), text)


def pairs(text: str) -> list[tuple[str, str]]:
    """`A=b C="d e"`, or the old form `A b c`."""
    words = shlex.split(text)
    if words and "=" not in words[0]:
        name, _, value = text.partition(" ")
        return [(name, value.strip())]
    out = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidParameter(f"Syntax error - can't find = in {word!r}. Must be of the form: name=value")
        out.append((name, value))
    return out


def set_env(env: Sequence[str], added: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Variables replaced where they stand, or appended."""
    values = dict(entry.partition("=")[::2] for entry in env)
    values.update(added)
    return tuple(f"{name}={value}" for name, value in values.items())


def ports(text: str) -> frozenset[Port]:
    """`80 443/tcp 8000-8010/udp`."""
    out: set[Port] = set()
    for word in text.split():
        span, _, protocol = word.partition("/")
        first, _, last = span.partition("-")
        if not first.isdigit() or (last and not last.isdigit()) or int(last or first) > 65535:
            raise InvalidParameter(f"invalid containerPort: {word}")
        out |= {parse_port(f"{number}/{protocol or 'tcp'}") for number in range(int(first), int(last or first) + 1)}
    return frozenset(out)


def volumes(text: str) -> tuple[str, ...]:
    return argv(text) if text.startswith("[") else tuple(text.split())


_STEPS: dict[str, Callable[[Config, str], Config]] = {
    "CMD": lambda c, t: replace(c, cmd=argv(t, c.shell)),
    "ENTRYPOINT": lambda c, t: replace(c, entrypoint=argv(t, c.shell)),
    "ENV": lambda c, t: replace(c, env=set_env(c.env, pairs(t))),
    "EXPOSE": lambda c, t: replace(c, exposed_ports=c.exposed_ports | ports(t)),
    "LABEL": lambda c, t: replace(c, labels={**c.labels, **dict(pairs(t))}),
    "ONBUILD": lambda c, t: replace(c, on_build=(*c.on_build, t)),
    "STOPSIGNAL": lambda c, t: replace(c, stop_signal=t),
    "USER": lambda c, t: replace(c, user=t),
    "VOLUME": lambda c, t: replace(c, volumes=tuple(dict.fromkeys([*c.volumes, *volumes(t)]))),
    "WORKDIR": lambda c, t: replace(c, working_dir=t),
}
