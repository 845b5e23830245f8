"""`fairlead daemon`: flags and a file → one frozen Settings. A flag wins over the file, the file over a default; but
what is in a daemon.json must not be a flag too, as with Docker."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from fairlead.daemon import configfile, options, values
from fairlead.engine import logoptions
from fairlead.errors import InvalidParameter
from fairlead.model.container import LogConfig
from fairlead.model.settings import Settings

DEFAULT_FILE = Path("/etc/fairlead/daemon.toml")


class ConfigError(Exception):
    """A flag or a line of the file that cannot be."""


def parse(argv: Sequence[str], *, default_file: Path = DEFAULT_FILE) -> Settings:
    """Raises ConfigError; argparse prints help and flags it does not know itself."""
    given = {key.replace("_", "-"): text for key, text in vars(_parser().parse_args(list(argv))).items() if text}
    path = _file(given.pop("config", None), default_file)
    found: dict[str, Any] = {}
    if path is not None:
        try:
            texts = configfile.read(path)
        except configfile.FileError as error:
            raise ConfigError(str(error)) from error
        _not_twice(path, texts, given)
        for key, text in texts.items():
            _put(found, key, text, f"{path}: {key}")
    for key, text in given.items():
        _put(found, key, text, f"--{key}")
    return _check(Settings(**found))


def _file(named: str | None, default: Path) -> Path | None:
    if named:
        return Path(named)
    there = [path for path in (default, default.with_suffix(".json")) if path.exists()]
    if len(there) > 1:
        raise ConfigError(f"both {there[0]} and {there[1]} are there: which is meant?")
    return there[0] if there else None


def _not_twice(path: Path, texts: configfile.Texts, given: configfile.Texts) -> None:
    twice = [name for name in texts if name in given]
    if path.suffix == ".json" and twice:
        said = ", ".join(
            f"{name}: (from flag: {_shown(given[name])}, from file: {_shown(texts[name])})" for name in twice
        )
        raise ConfigError(
            f"unable to configure the daemon with file {path}: the following directives are specified both as a flag "
            f"and in the configuration file: {said}"
        )


def _shown(text: str | list[str]) -> str:
    return text if isinstance(text, str) else f"[{' '.join(text)}]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fairlead daemon", description="The engine itself, in the foreground.")
    text = f"TOML file with the same names, or Docker's daemon.json (default {DEFAULT_FILE}, or .json beside it)"
    parser.add_argument("--config", "--config-file", metavar="FILE", help=text)
    for name, (kind, text) in options.PARSERS.items():
        flags = [f"--{name}"] + (["-H"] if name == "host" else ["-D"] if name == "debug" else [])
        if kind in (values.truth, values.not_truth):
            parser.add_argument(*flags, nargs="?", const="true", metavar="true|false", help=text)
        else:
            parser.add_argument(*flags, help=text)
    for name, (_, text) in options.LISTS.items():
        parser.add_argument(f"--{name}", action="append", help=text)
    for name in options.SAME:
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    return parser


def _put(found: dict[str, Any], key: str, text: str | list[str], where: str) -> None:
    try:
        if key in options.SAME:
            for one in [text] if isinstance(text, str) else text:
                options.SAME[key](one)
        else:
            found[options.field(key)] = _value(key, text)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _value(key: str, given: str | list[str]) -> Any:
    if key in options.LISTS:
        parse_one = options.LISTS[key][0]
        return tuple(parse_one(text) for text in ([given] if isinstance(given, str) else given))
    if isinstance(given, list) and len(given) == 1:
        given = given[0]  # Docker's `hosts`
    if not isinstance(given, str):
        raise ValueError("one value, not a list")
    return options.PARSERS[key][0](given)


def _check(settings: Settings) -> Settings:
    """What one setting says to another."""
    try:
        logoptions.check(LogConfig(settings.log_driver, dict(settings.log_options)))
    except InvalidParameter as error:
        raise ConfigError(f"--log-opt: {error.message}") from error
    part = settings.fixed_cidr
    if part is None:
        return settings
    if settings.bip is None:
        return dataclasses.replace(settings, bip=IPv4Interface(f"{part.network_address + 1}/{part.prefixlen}"))
    if not part.subnet_of(settings.bip.network):
        raise ConfigError(f"--fixed-cidr: {part} is no part of the bridge's subnet {settings.bip.network}")
    return settings
