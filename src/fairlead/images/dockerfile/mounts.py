"""`RUN --mount=…` → values, with the complaints of BuildKit's frontend."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import words

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtTpP])?[iI]?[bB]?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMount:
    type: str = "bind"
    source: str = ""
    target: str = ""
    """Empty for a secret that takes its place from its id."""
    origin: str = ""
    """`from=`: a stage or an image."""
    id: str = ""
    sharing: str = ""
    read_only: bool | None = None
    required: bool = False
    size_bytes: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str = ""
    """Of a secret: the variable that holds it. A file only if it has a target too."""


def parse(text: str, values: Mapping[str, str]) -> RunMount:
    fields = next(csv.reader([text], strict=True), [])
    mount = RunMount()
    for field in fields:
        mount = _field(mount, field, values)
    return _checked(mount)


def _field(mount: RunMount, field: str, values: Mapping[str, str]) -> RunMount:
    key, equals, value = field.partition("=")
    key = _ALIASES.get(key.lower(), key.lower())
    if key in _ONLY and mount.type not in _ONLY[key] and (equals or key == "required"):
        raise InvalidParameter(f"unexpected key '{key}' for mount type '{mount.type}'")
    if not equals:
        if key not in ("readonly", "readwrite", "required"):
            raise InvalidParameter(f"invalid field '{field}' must be a key=value pair")
        value = "true"
    value = words.expand(value, values)
    if key == "readwrite":
        return replace(mount, read_only=not _boolean(key, value))
    if key not in _READ:
        raise InvalidParameter(f"unexpected key '{key}' in '{field}'")
    name, read = _READ[key]
    return replace(mount, **{name: read(key, value)})  # type: ignore[arg-type]  # each reader fits its field


def _checked(mount: RunMount) -> RunMount:
    if mount.type == "ssh":
        raise InvalidParameter('mount type "ssh" is not supported: this engine has no SSH agent forwarding')
    if mount.type not in ("secret", "cache"):
        for name, value in (("mode", mount.mode), ("uid", mount.uid), ("gid", mount.gid)):
            if value is not None:
                raise InvalidParameter(f"{name} not allowed for {words.quote(mount.type)} type mounts")
    if mount.type == "secret":
        _check_secret(mount)
    elif mount.sharing and mount.type != "cache":
        raise InvalidParameter(f"invalid cache sharing set for {mount.type} mount")
    elif not mount.target:
        raise InvalidParameter(f"{mount.type} mount requires a target")
    if mount.read_only is None:
        return replace(mount, read_only=mount.type not in ("cache", "tmpfs"))
    return mount


def _check_secret(mount: RunMount) -> None:
    if mount.origin:
        raise InvalidParameter("secret mount should not have a from")
    if mount.sharing:
        raise InvalidParameter("secret mount should not define sharing")
    if not (mount.source or mount.target or mount.id or mount.env):
        raise InvalidParameter("invalid secret mount. one of source, target required")
    if mount.source and mount.id:
        raise InvalidParameter("both source and id can't be set")


def _text(key: str, value: str) -> str:
    return value


def _choice(key: str, value: str) -> str:
    chosen = value.lower()
    if chosen not in (_TYPES if key == "type" else _SHARING):
        what = "mount type" if key == "type" else "sharing value"
        raise InvalidParameter(f"unsupported {what} {words.quote(value)}")
    return chosen


def _octal(key: str, value: str) -> int:
    return _number(key, value, 8)


def _decimal(key: str, value: str) -> int:
    return _number(key, value, 10)


def _boolean(key: str, value: str) -> bool:
    if value not in _TRUE + _FALSE:
        raise InvalidParameter(f"invalid value for {key}: {value}")
    return value in _TRUE


def _number(key: str, value: str, base: int) -> int:
    try:
        return int(value, base)
    except ValueError:
        raise InvalidParameter(f"invalid value {value} for {key}") from None


def _size(key: str, value: str) -> int:
    match = _SIZE.match(value)
    if not match:
        raise InvalidParameter(f"invalid value for {key}: {value}")
    return int(float(match[1]) * 1024 ** " kmgtp".index((match[2] or " ").lower()))


_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_ONLY = {"required": ("secret", "ssh"), "size": ("tmpfs",), "env": ("secret",)}
_READ: Mapping[str, tuple[str, Callable[[str, str], object]]] = {
    "type": ("type", _choice),
    "from": ("origin", _text),
    "source": ("source", _text),
    "target": ("target", _text),
    "id": ("id", _text),
    "sharing": ("sharing", _choice),
    "readonly": ("read_only", _boolean),
    "required": ("required", _boolean),
    "size": ("size_bytes", _size),
    "mode": ("mode", _octal),
    "uid": ("uid", _decimal),
    "gid": ("gid", _decimal),
    "env": ("env", _text),
}
