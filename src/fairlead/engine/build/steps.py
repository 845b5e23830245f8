"""What single instructions mean for an image's configuration, and how history tells of them. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fairlead.engine import configuration, signals
from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import health as healthcheck
from fairlead.images.dockerfile import words
from fairlead.images.dockerfile.instructions import Instruction
from fairlead.images.manifest import parse_port
from fairlead.model.container import Config, Port

DEFAULT_SHELL = ("/bin/sh", "-c")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Scope:
    """What `$x` may name in a stage, and whether CMD was given there."""

    values: Mapping[str, str]
    escape: str = "\\"
    cmd_set: bool = False

    def expand(self, text: str) -> str:
        return words.expand(text, self.values, escape=self.escape)


Step = tuple[Config, str]


def begin(config: Config) -> Config:
    """A stage's configuration from its base image's: there is always a PATH."""
    config = replace(config, on_build=(), open_stdin=False, stdin_once=False)
    if "PATH" in env_values(config.env):
        return config
    return replace(config, env=(*config.env, f"PATH={DEFAULT_PATH}"))


def configure(config: Config, step: Instruction, scope: Scope) -> Step:
    """The configuration after the instruction, and the instruction as history has it."""
    return _STEPS[step.word](config, step, scope)


def nop(config: Config, comment: str) -> str:
    """A history entry of what ran no command; most have two blanks, files and directories one, as in Docker."""
    blank = " " if comment.split(" ", 1)[0] in ("COPY", "ADD", "WORKDIR") else "  "
    return f"{' '.join(config.shell or DEFAULT_SHELL)} #(nop){blank}{comment}"


def env_values(env: Sequence[str]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in env)


def argv(config: Config, step: Instruction) -> tuple[str, ...]:
    """The exec form as it is, the shell form behind the shell."""
    return step.args if step.json else (*(config.shell or DEFAULT_SHELL), *step.args)


def set_env(env: Sequence[str], added: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Variables replaced where they stand, or appended."""
    return tuple(f"{name}={value}" for name, value in {**env_values(env), **dict(added)}.items())


def parse_ports(texts: Sequence[str]) -> frozenset[Port]:
    """`80`, `443/tcp`, `8000-8010/udp`; of `127.0.0.1:80:90` the container's, as in Docker."""
    out: set[Port] = set()
    for text in texts:
        span, slash, protocol = text.rpartition(":")[2].partition("/")
        first, dash, last = span.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or not int(first) <= int(last or first) <= 65535:
            raise InvalidParameter(f"invalid containerPort: {span}")
        if slash and protocol.lower() not in ("tcp", "udp", "sctp"):
            raise InvalidParameter(f"invalid proto: {protocol}")
        out |= {parse_port(f"{number}/{protocol or 'tcp'}") for number in range(int(first), int(last or first) + 1)}
    return frozenset(out)


def _pairs(step: Instruction, scope: Scope) -> list[tuple[str, str]]:
    expanded = [scope.expand(text) for text in step.args]
    return list(zip(expanded[::2], expanded[1::2], strict=True))


def _told(word: str, pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join([word, *(f"{name}={value}" for name, value in pairs)])


def _list(items: Sequence[str]) -> str:
    """As Go's %q writes a list."""
    return "[" + " ".join(words.quote(item) for item in items) + "]"


def _env(config: Config, step: Instruction, scope: Scope) -> Step:
    pairs = _pairs(step, scope)
    return replace(config, env=set_env(config.env, pairs)), _told("ENV", pairs)


def _label(config: Config, step: Instruction, scope: Scope) -> Step:
    pairs = _pairs(step, scope)
    return replace(config, labels={**config.labels, **dict(pairs)}), _told("LABEL", pairs)


def _cmd(config: Config, step: Instruction, scope: Scope) -> Step:
    command = argv(config, step)
    return replace(config, cmd=command), f"CMD {_list(command)}"


def _entrypoint(config: Config, step: Instruction, scope: Scope) -> Step:
    command = argv(config, step) if step.args or not step.json else ()
    # A base image's CMD means nothing to a new entry point.
    config = replace(config, entrypoint=command or None, cmd=config.cmd if scope.cmd_set else None)
    return config, f"ENTRYPOINT {_list(command)}"


def _expose(config: Config, step: Instruction, scope: Scope) -> Step:
    ports = [port for text in sorted(step.args) for port in words.split(text, scope.values, escape=scope.escape)]
    config = replace(config, exposed_ports=config.exposed_ports | parse_ports(ports))
    return config, f"EXPOSE {' '.join(ports)}"


def _user(config: Config, step: Instruction, scope: Scope) -> Step:
    user = scope.expand(step.args[0])
    return replace(config, user=user), f"USER {user}"


def _volume(config: Config, step: Instruction, scope: Scope) -> Step:
    named = [scope.expand(text.strip()) for text in step.args]
    if any(not name for name in named):
        raise InvalidParameter("VOLUME specified can not be an empty string")
    return replace(config, volumes=tuple(dict.fromkeys([*config.volumes, *named]))), f"VOLUME [{' '.join(named)}]"


def _workdir(config: Config, step: Instruction, scope: Scope) -> Step:
    wanted = scope.expand(step.args[0])
    if not wanted:
        raise InvalidParameter("cannot normalize nothing")
    path = posixpath.normpath(posixpath.join("/", config.working_dir, wanted)).replace("//", "/")
    return replace(config, working_dir=path), f"WORKDIR {path}"


def _stopsignal(config: Config, step: Instruction, scope: Scope) -> Step:
    name = scope.expand(step.args[0])
    signals.parse(name)
    return replace(config, stop_signal=name), f"STOPSIGNAL {name}"


def _shell(config: Config, step: Instruction, scope: Scope) -> Step:
    return replace(config, shell=step.args), f"SHELL [{' '.join(step.args)}]"


def _onbuild(config: Config, step: Instruction, scope: Scope) -> Step:
    text = re.sub(r"(?i)^\s*ONBUILD\s*", "", step.original)
    text += "".join(f"\n{heredoc.text}{heredoc.name}" for heredoc in step.heredocs)
    return replace(config, on_build=(*config.on_build, text)), f"ONBUILD {text}"


def _maintainer(config: Config, step: Instruction, scope: Scope) -> Step:
    return config, f"MAINTAINER {step.args[0]}"


def _healthcheck(config: Config, step: Instruction, scope: Scope) -> Step:
    health = healthcheck.parse(step.args, step.flags, is_json=step.json)
    times = (health.interval_ns, health.timeout_ns, health.start_period_ns, health.start_interval_ns)
    shown = " ".join(words.quote(_duration(value)) for value in times)
    retries = f"'\\x{health.retries:02x}'" if health.retries < 0x20 else repr(chr(health.retries))
    config = replace(config, health=configuration.merge_health(health, config.health))
    return config, f"HEALTHCHECK &{{{_list(health.test)} {shown} {retries}}}"


def _duration(value_ns: int) -> str:
    """As Go prints a time.Duration of whole milliseconds or more."""
    if not value_ns:
        return "0s"
    if value_ns < 10**9:
        return f"{value_ns / 10**6:g}ms"
    minutes, rest = divmod(value_ns, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 10**9:.9f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + seconds


_STEPS: Mapping[str, Callable[[Config, Instruction, Scope], Step]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
