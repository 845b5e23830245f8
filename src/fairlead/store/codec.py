"""Model dataclasses ⇄ JSON text, driven by the type hints, so that a new field needs no code here.

A field missing in stored text takes its default: older databases stay readable when the model grows.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
from collections.abc import Collection, Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from fairlead.model.container import Port, PortBinding, PublishedPort

T = TypeVar("T")
_TEXTUAL = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)


def dumps(value: object, *, without: Collection[str] = ()) -> str:
    """The JSON text of a value of the model; `without` these fields of it."""
    plain = _plain(value) if not without else _fields(value, without)
    return json.dumps(plain, separators=(",", ":"))


def loads(kind: type[T], text: str) -> T:
    """The dataclass `kind` that `dumps` made the text from."""
    value: T = _typed(kind, json.loads(text))
    return value


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, Port):
        return str(value)
    if isinstance(value, PublishedPort):
        return _published(value)
    if isinstance(value, PortBinding):
        return _wished(value)
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset):
        return sorted((_plain(v) for v in value), key=str)
    if isinstance(value, tuple | list):
        ports = value and isinstance(value[0], PublishedPort)
        return [_published(v) for v in value] if ports else [_plain(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _fields(value: Any, without: Collection[str] = ()) -> dict[str, object]:
    return {
        f.name: _plain(item)
        for f in dataclasses.fields(value)
        if f.name not in without and (item := getattr(value, f.name)) != _default(f)
    }


def _default(f: dataclasses.Field[Any]) -> object:
    if f.default is not dataclasses.MISSING:
        return f.default
    if f.default_factory is not dataclasses.MISSING:
        return f.default_factory()
    return dataclasses.MISSING


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed(kind: Any, raw: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if raw is None else _typed(_chosen([a for a in get_args(kind) if a is not type(None)], raw), raw)
    if kind is Port:
        number, _, protocol = raw.partition("/")
        return Port(int(number), protocol)
    if kind is PublishedPort and isinstance(raw, str):
        return _parse_published(raw)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = _hints(kind)
        make: Any = kind
        return make(**{name: _typed(hints[name], item) for name, item in raw.items() if name in hints})
    if origin in (tuple, frozenset):
        return _sequence(kind, origin, raw)
    if origin is not None and issubclass(origin, Mapping):
        key, value = get_args(kind)
        return {_typed(key, k): _typed(value, v) for k, v in raw.items()}
    if kind is datetime:
        return datetime.fromisoformat(raw)
    if kind in _TEXTUAL or (isinstance(kind, type) and issubclass(kind, enum.Enum)):
        return kind(raw)
    return raw


def _chosen(kinds: list[Any], raw: Any) -> Any:
    """Of two, the second is IPv6's."""
    return kinds[-1] if kinds[-1] in _TEXTUAL and ":" in raw else kinds[0]


_FORWARDED = " forwarded"


def _published(item: PublishedPort) -> str:
    """One text instead of an object: a container may have a thousand of them."""
    (number, protocol), host_ip, host_port, forwarded = item
    text = f"{host_ip}:{host_port}:{number}/{protocol}"
    return text + _FORWARDED if forwarded else text


def _wished(item: PortBinding) -> dict[str, str]:
    return {name: text for name, text in zip(item._fields, item, strict=True) if text}


def _parse_published(raw: str) -> PublishedPort:
    text = raw.removesuffix(_FORWARDED)
    host_ip, host_port, port = text.rsplit(":", 2)
    number, _, protocol = port.partition("/")
    return PublishedPort(Port(int(number), protocol), host_ip, int(host_port), text != raw)


def _sequence(kind: Any, origin: Any, raw: Any) -> Any:
    arguments = get_args(kind)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(_typed(a, v) for a, v in zip(arguments, raw, strict=True))
    return origin(_typed(arguments[0], v) for v in raw)
