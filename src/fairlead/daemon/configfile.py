"""A file of settings, as a command line would have them: TOML, or JSON in the manner of Docker's daemon.json."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairlead.daemon import options

Texts = dict[str, str | list[str]]


class FileError(Exception):
    """A file that cannot be read, or has what cannot be."""


def read(path: Path) -> Texts:
    """Name of a flag → its text, or texts."""
    is_docker_s = path.suffix == ".json"
    try:
        text = path.read_text()
        document = json.loads(text or "{}", object_pairs_hook=_once) if is_docker_s else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise FileError(f"read {path}: {error}") from error
    if not isinstance(document, dict):
        raise FileError(f"read {path}: no object")
    found: Texts = {}
    strangers = []
    for given, value in document.items():
        name = given.replace("_", "-")
        name = options.PLURALS.get(name, name)
        if name not in options.PARSERS and name not in options.LISTS and name not in options.SAME:
            strangers.append(given)
        elif name in found:
            raise FileError(f"{path}: {name} is given twice")
        else:
            found[name] = _texts(name, value)
    if strangers and is_docker_s:
        said = "the following directives don't match any configuration option"
        raise FileError(f"unable to configure the daemon with file {path}: {said}: {', '.join(strangers)}")
    if strangers:
        raise FileError(f"{path}: unknown setting {strangers[0]!r}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a name come twice; whoever writes that means something else."""
    names = [name for name, _ in pairs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{min(twice)!r} is given twice")
    return dict(pairs)


def _texts(name: str, value: object) -> str | list[str]:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return [text for item in value for text in [_texts(name, item)] if isinstance(text, str)]
        case dict() if name == "default-ulimit":
            return [_ulimit(kind, limit) for kind, limit in value.items()]
        case dict() if name == "log-opt":
            return [f"{key}={_texts(key, item)}" for key, item in value.items()]
        case dict():
            return ",".join(f"{key}={item}" for key, item in value.items())
    return str(value)


def _ulimit(kind: str, limit: object) -> str:
    """`"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}`."""
    if not isinstance(limit, Mapping):
        return f"{kind}={limit}"
    return f"{kind}={limit.get('Soft', limit.get('Hard'))}:{limit.get('Hard', limit.get('Soft'))}"
