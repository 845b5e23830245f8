"""`--change` instructions of import and commit, applied to a configuration. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.engine.build import steps
from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import instructions, syntax
from fairlead.model.container import Config

_ALLOWED = (
    "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip


def apply(config: Config, changes: Sequence[str]) -> Config:
    """The configuration after all changes, in order; they are read as one Dockerfile."""
    if not any(change.strip() for change in changes):
        return config
    read = syntax.parse("\n".join(changes))
    for line in read.lines:
        if line.word.upper() not in _ALLOWED:
            raise InvalidParameter(f"{line.word} is not a valid change command")
    cmd_set = False
    for line in read.lines:
        step = instructions.parse(line, read.escape)
        scope = steps.Scope(steps.env_values(config.env), read.escape, cmd_set)
        config, _ = steps.configure(config, step, scope)
        cmd_set = cmd_set or step.word == "CMD"
    return config
