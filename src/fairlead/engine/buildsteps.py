"""What single instructions mean for an image's configuration. Pure. (Layers: buildstage.py.)"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fairlead.engine import changes
from fairlead.errors import InvalidParameter
from fairlead.images import dockerfile
from fairlead.images.dockerfile import Instruction
from fairlead.model.container import Config, HealthConfig

DEFAULT_SHELL = ("/bin/sh", "-c")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def global_arguments(arguments: Sequence[Instruction], given: Mapping[str, str | None]) -> dict[str, str]:
    """ARGs before the first FROM: usable in FROM alone."""
    values: dict[str, str] = {}
    for instruction in arguments:
        for name, default in declared(instruction.rest, values):
            value = given.get(name)
            if value is not None:
                values[name] = value
            elif default is not None:
                values[name] = default
    return values


def declared(rest: str, values: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """`A B=c` of an ARG instruction."""
    out: list[tuple[str, str | None]] = []
    for word in dockerfile.words(rest, values):
        name, equals, value = word.partition("=")
        out.append((name, value if equals else None))
    return out


def env_values(env: Sequence[str]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in env)


def pairs(rest: str, values: Mapping[str, str], what: str) -> list[tuple[str, str]]:
    """`A=b C="d e"`, or the old form `A b c`."""
    first = rest.split(None, 1)
    if "=" not in first[0]:
        if len(first) < 2:
            raise InvalidParameter(f"{what} must have two arguments")
        return [(dockerfile.expand(first[0], values), dockerfile.expand(first[1], values))]
    out = []
    for word in dockerfile.words(rest, values):
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidParameter(f"Syntax error - can't find = in {word!r}. Must be of the form: name=value")
        if not name:
            raise InvalidParameter(f"{what} names can not be blank")
        out.append((name, value))
    return out


def argv(rest: str) -> tuple[str, ...] | None:
    """The exec form (a JSON list of strings), or None for the shell form."""
    if not rest.startswith("["):
        return None
    try:
        found = json.loads(rest)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return None
    return tuple(found)


def configure(config: Config, step: Instruction, values: Mapping[str, str], *, cmd_set: bool) -> Config:
    """The configuration after an instruction that changes nothing else."""
    rest = dockerfile.expand(step.rest, values) if step.word in _EXPANDED else step.rest
    words = argv(step.rest)
    shell = config.shell or DEFAULT_SHELL
    match step.word:
        case "CMD":
            return replace(config, cmd=words if words is not None else (*shell, rest))
        case "ENTRYPOINT":
            # A base image's CMD means nothing to a new entry point.
            words = words if words is not None else (*shell, rest)
            return replace(config, entrypoint=words, cmd=config.cmd if cmd_set else None)
        case "ENV":
            return replace(config, env=changes.set_env(config.env, pairs(rest, values, "ENV")))
        case "LABEL":
            return replace(config, labels={**config.labels, **dict(pairs(rest, values, "LABEL"))})
        case "VOLUME":
            named = words or tuple(dockerfile.words(rest, values))
            return replace(config, volumes=tuple(dict.fromkeys([*config.volumes, *named])))
        case "HEALTHCHECK":
            return replace(config, health=_health(step, shell))
    return _configure_word(config, step.word, rest, words)


_EXPANDED = ("EXPOSE", "USER", "WORKDIR", "STOPSIGNAL")


def _configure_word(config: Config, word: str, rest: str, words: tuple[str, ...] | None) -> Config:
    """The instructions whose argument is taken as it is."""
    match word:
        case "MAINTAINER":
            return config
        case "EXPOSE":
            return replace(config, exposed_ports=config.exposed_ports | changes.ports(rest))
        case "USER":
            return replace(config, user=rest)
        case "WORKDIR":
            return replace(config, working_dir=posixpath.normpath(posixpath.join(config.working_dir or "/", rest)))
        case "STOPSIGNAL":
            return replace(config, stop_signal=rest)
        case "SHELL":
            if not words:
                raise InvalidParameter("SHELL requires the arguments to be in JSON form")
            return replace(config, shell=words)
        case "ONBUILD":
            trigger = rest.split(None, 1)[0].upper()
            if trigger in ("ONBUILD", "FROM", "MAINTAINER"):
                raise InvalidParameter(f"{trigger} isn't allowed as an ONBUILD trigger")
            return replace(config, on_build=(*config.on_build, rest))
    raise InvalidParameter(f"unknown instruction: {word}")


def _health(step: Instruction, shell: Sequence[str]) -> HealthConfig:
    kind, _, rest = step.rest.partition(" ")
    if kind.upper() == "NONE":
        return HealthConfig(test=("NONE",))
    if kind.upper() != "CMD" or not rest.strip():
        raise InvalidParameter(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    words = argv(rest.strip())
    test = ("CMD", *words) if words is not None else ("CMD-SHELL", rest.strip())
    return HealthConfig(
        test=test,
        interval_ns=duration(step.flag("interval")),
        timeout_ns=duration(step.flag("timeout")),
        start_period_ns=duration(step.flag("start-period")),
        start_interval_ns=duration(step.flag("start-interval")),
        retries=int(step.flag("retries") or 0),
    )


def duration(text: str) -> int:
    """Go's `1m30s` in nanoseconds."""
    total, digits, unit = 0.0, "", ""
    for char in f"{text}0":
        if char.isdigit() or char == ".":
            if unit:
                if unit not in _UNITS:
                    raise InvalidParameter(f'time: unknown unit "{unit}" in duration "{text}"')
                total += float(digits) * _UNITS[unit]
                digits = unit = ""
            digits += char
        else:
            unit += char
    return int(total)
