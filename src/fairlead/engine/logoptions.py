"""Log drivers: which there are, which options they take (with Docker's complaints), and what `logs --details` tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote_plus

from fairlead import ids
from fairlead.errors import InvalidParameter
from fairlead.model.container import Container, LogConfig

DEFAULT = "json-file"
_EVERY = ("mode", "max-buffer-size")
_ATTRIBUTES = ("labels", "labels-regex", "env", "env-regex", "tag")
_ROTATION = ("max-size", "max-file", "compress")
_OPTIONS = {
    "json-file": (*_ROTATION, *_ATTRIBUTES, *_EVERY),
    "local": (*_ROTATION, *_EVERY),
    "journald": (*_ATTRIBUTES, *_EVERY),
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtTpP]?)(?:i?[bB])?\Z")
_ACTION, _WORD = re.compile(r"\{\{(.*?)\}\}"), re.compile(r"\s*\.(\w+)\s*")
_TAG_FIELDS: dict[str, Callable[[Container], str]] = {
    "ID": lambda container: ids.short(container.id),
    "FullID": lambda container: container.id,
    "Name": lambda container: container.name,
    "ImageID": lambda container: ids.short(container.image_id),
    "ImageFullID": lambda container: container.image_id,
    "ImageName": lambda container: container.image,
    "Command": lambda container: " ".join((container.path, *container.args)),
    "DaemonName": lambda _: "fairlead",
}
_SWITCHES = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def check(config: LogConfig) -> None:
    if config.type == "none":
        return
    known = _OPTIONS.get(config.type or DEFAULT)
    if known is None:
        raise InvalidParameter(f"logger: no log driver named '{config.type}' is registered")
    for name in config.options:
        if name not in known:
            raise InvalidParameter(f"unknown log opt '{name}' for {_said(config.type or DEFAULT)}")
    _check_rotation(config)
    _check_mode(config)
    _check_tag(config.options.get("tag", ""))
    for name in ("labels-regex", "env-regex"):
        try:
            re.compile(config.options.get(name, ""))
        except re.error as error:
            raise InvalidParameter(f"error parsing regexp: {error}") from error


def _said(driver: str) -> str:
    return "log driver local" if driver == "local" else f"{driver} log driver"


def _check_tag(tag: str) -> None:
    for action in _ACTION.findall(tag):
        if not (word := _WORD.fullmatch(action)) or word[1] not in _TAG_FIELDS:
            known = ", ".join(sorted(_TAG_FIELDS))
            raise InvalidParameter(f"template: log-tag: {{{{{action}}}}} is none of {known}")
    if "{{" in _ACTION.sub("", tag):
        raise InvalidParameter("template: log-tag:1: unclosed action")


def _check_rotation(config: LogConfig) -> None:
    size, count = config.options.get("max-size", ""), config.options.get("max-file", "")
    if size and not _SIZE.match(size):
        raise InvalidParameter(f"invalid size: '{size}'")
    if size and float(_SIZE.sub(r"\1", size)) <= 0:
        raise InvalidParameter("max-size must be a positive number")
    if count and not re.fullmatch("[+-]?[0-9]{1,9}", count):
        raise InvalidParameter(f'strconv.Atoi: parsing "{count}": invalid syntax')
    if count and int(count) < 1:
        raise InvalidParameter("max-file cannot be less than 1")
    compress = config.options.get("compress", "")
    if compress and compress.lower() not in _SWITCHES:
        raise InvalidParameter(f'strconv.ParseBool: parsing "{compress}": invalid syntax')
    if config.type != "local" and _SWITCHES.get(compress.lower()) and (int(count or 1) < 2 or not size):
        raise InvalidParameter("compress cannot be true when max-file is less than 2 or max-size is not set")


def _check_mode(config: LogConfig) -> None:
    mode = config.options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise InvalidParameter(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in config.options:
        if mode != "non-blocking":
            raise InvalidParameter("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        if not _SIZE.match(config.options["max-buffer-size"]):
            raise InvalidParameter(f"invalid size: '{config.options['max-buffer-size']}'")


def details(container: Container) -> str:
    """What `logs --details` puts before a line: labels, variables and the tag that the options name, `a=1,b=2`."""
    options, config = container.host_config.log_config.options, container.config
    variables = dict(entry.split("=", 1) for entry in config.env if "=" in entry)
    found = {"tag": _tag(container, options["tag"])} if options.get("tag") else {}
    for name, values in (("labels", config.labels), ("env", variables)):
        wanted = [word for word in options.get(name, "").split(",") if word]
        found |= {word: values[word] for word in wanted if word in values}
        if pattern := options.get(f"{name}-regex"):
            found |= {word: value for word, value in values.items() if re.search(pattern, word)}
    return ",".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in sorted(found.items()))


def _tag(container: Container, template: str) -> str:
    return _ACTION.sub(lambda action: _TAG_FIELDS[action[1].strip()[1:]](container), template)
