"""What a container is to be, from what the user asked for and what its image says. Pure; the rules are Docker's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairlead import ids
from fairlead.engine import environment
from fairlead.errors import InvalidParameter
from fairlead.model.container import Config, HealthConfig

PREDEFINED_NETWORKS = ("bridge", "host", "none")


def merge(user: Config, image: Config | None) -> Config:
    """The user's configuration, completed by the image's."""
    if image is None:
        return replace(user, entrypoint=_reset(user.entrypoint))
    cmd, entrypoint = user.cmd, user.entrypoint
    if not entrypoint:
        cmd = cmd or image.cmd
        if entrypoint is None:
            entrypoint = image.entrypoint
    return replace(
        user,
        user=user.user or image.user,
        env=environment.with_defaults(user.env, image.env),
        cmd=cmd,
        entrypoint=_reset(entrypoint),
        exposed_ports=user.exposed_ports | image.exposed_ports,
        volumes=tuple(dict.fromkeys((*user.volumes, *image.volumes))),
        working_dir=user.working_dir or image.working_dir,
        labels={**image.labels, **user.labels},
        stop_signal=user.stop_signal or image.stop_signal,
        stop_timeout_s=image.stop_timeout_s if user.stop_timeout_s is None else user.stop_timeout_s,
        shell=user.shell or image.shell,
        health=merge_health(user.health, image.health),
    )


def _reset(entrypoint: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """`--entrypoint ""` takes the image's entry point away."""
    return None if entrypoint == ("",) else entrypoint


def merge_health(user: HealthConfig | None, image: HealthConfig | None) -> HealthConfig | None:
    """Also of a HEALTHCHECK upon that of an image: times that it does not name are inherited."""
    if user is None or image is None:
        return user or image
    return HealthConfig(
        test=user.test or image.test,
        interval_ns=user.interval_ns or image.interval_ns,
        timeout_ns=user.timeout_ns or image.timeout_ns,
        start_period_ns=user.start_period_ns or image.start_period_ns,
        start_interval_ns=user.start_interval_ns or image.start_interval_ns,
        retries=user.retries or image.retries,
    )


def command(config: Config) -> tuple[str, tuple[str, ...]]:
    """Program and arguments."""
    words: Sequence[str] = (*(config.entrypoint or ()), *(config.cmd or ()))
    if not words:
        raise InvalidParameter("no command specified")
    return words[0], tuple(words[1:])


def default_hostname(config: Config, container_id: str) -> Config:
    return config if config.hostname else replace(config, hostname=ids.short(container_id))


def is_user_defined(network_mode: str) -> bool:
    return network_mode not in PREDEFINED_NETWORKS and not network_mode.startswith("container:")
