"""SIGHUP: flags and file read again; of them counts what can change while everything runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from fairlead.daemon.config import ConfigError
from fairlead.model.settings import Settings

log = logging.getLogger(__name__)

_FIELDS = (
    "debug", "labels", "registry_mirrors", "insecure_registries", "max_download_attempts", "stop_containers_on_exit",
    "shutdown_timeout_s",
)  # fmt: skip


def merge(now: Settings, read: Callable[[], Settings]) -> Settings:
    """`now`, with what changed in what `read` gives. A file that cannot be changes nothing."""
    try:
        fresh = read()
    except ConfigError as error:
        log.error("nothing is reloaded: %s", error)
        return now
    names = {field.name for field in dataclasses.fields(Settings)}
    changed = {name for name in names if getattr(fresh, name) != getattr(now, name)}
    if late := changed.difference(_FIELDS):
        log.warning("changes of %s count from the next start on", ", ".join(sorted(late)))
    logging.getLogger().setLevel(level(fresh))
    taken = changed.intersection(_FIELDS)
    log.info("reloaded: %s", ", ".join(sorted(taken)) or "nothing changed")
    return dataclasses.replace(now, **{name: getattr(fresh, name) for name in taken})


def level(settings: Settings) -> int:
    """Of the log."""
    return logging.DEBUG if settings.debug else logging.INFO
