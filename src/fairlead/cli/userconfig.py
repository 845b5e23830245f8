"""The user's configuration, where docker's client has it: `config.json` below DOCKER_CONFIG, --config or ~/.docker.

Every `run` and `ps` looks into it, so it is read without the imports that would cost more than the file.
"""

from __future__ import annotations

import posix
import sys

from fairlead.cli import jsontext
from fairlead.cli.client import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

_PROXIES = (
    ("HTTP_PROXY", "httpProxy"), ("HTTPS_PROXY", "httpsProxy"), ("NO_PROXY", "noProxy"), ("FTP_PROXY", "ftpProxy"),
    ("ALL_PROXY", "allProxy"),
)  # fmt: skip


def _variable(name: str) -> str:
    """Of the environment, whether or not anybody has imported `os`."""
    loaded = sys.modules.get("os")
    if loaded is not None:
        return str(loaded.environ.get(name, ""))
    return posix.environ.get(name.encode(), b"").decode("utf-8", "surrogateescape")


def use(directory: str) -> None:
    """--config: for ourselves, and for the credential helpers that we start."""
    loaded = sys.modules.get("os")
    if loaded is not None:
        loaded.environ["DOCKER_CONFIG"] = directory
    posix.environ[b"DOCKER_CONFIG"] = directory.encode("utf-8", "surrogateescape")


def directory() -> str:
    if given := _variable("DOCKER_CONFIG"):
        return given
    if home := _variable("HOME"):
        return f"{home}/.docker"
    import os

    return os.path.expanduser("~/.docker")


def path() -> str:
    return f"{directory()}/config.json"


def read() -> dict[str, Any]:
    """Nothing where there is no file."""
    try:
        with open(path(), "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refused(f"error loading config file: open {path()}: {(error.strerror or '').lower()}") from None
    try:
        config = jsontext.loads(text) if text.strip() else {}
    except ValueError as error:
        raise Refused(f"error parsing config file ({path()}): {error}") from None
    return config if isinstance(config, dict) else {}


def text(name: str) -> str:
    """An entry such as `psFormat`; empty where there is none."""
    value = read().get(name)
    return value if isinstance(value, str) else ""


def detach_keys(given: str) -> str:
    return given or text("detachKeys")


def proxies(host: str, given: Collection[str]) -> dict[str, str]:
    """Variables that name the proxies which containers of this daemon use, but for those that are `given`."""
    known = read().get("proxies")
    if not isinstance(known, dict):
        return {}
    wanted = known.get(host) or known.get("default") or {}
    pairs = [(name, wanted[member]) for name, member in _PROXIES if wanted.get(member)]
    return {each: value for name, value in pairs for each in (name, name.lower()) if each not in given}


def prune_filters(given: dict[str, list[str]]) -> dict[str, list[str]]:
    """`pruneFilters` added to those of the command line, which win where they contradict."""
    found = {name: list(values) for name, values in given.items()}
    for entry in read().get("pruneFilters") or ():
        name, equals, value = str(entry).partition("=")
        opposite = {"label": "label!", "label!": "label"}.get(name, "")
        if equals and value not in given.get(opposite, ()):
            found.setdefault(name, []).append(value)
    return found
