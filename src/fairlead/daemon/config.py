"""`fairlead daemon`: flags and TOML file → one frozen Settings. A flag wins over the file, the file over a default."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fairlead.model.network import PublishMode
from fairlead.model.settings import AddressPool, Settings

DEFAULT_FILE = Path("/etc/fairlead/daemon.toml")


class ConfigError(Exception):
    """A flag or a line of the file that cannot be."""


def _truth(text: str) -> bool:
    match text.lower():
        case "1" | "t" | "true":
            return True
        case "0" | "f" | "false":
            return False
    raise ValueError(f"{text!r} is neither true nor false")


def _host(text: str) -> str:
    if text.startswith("unix:///") or text == "fd://":
        return text
    raise ValueError(f"{text!r} is no unix:///path and not fd://")


def _absolute(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or any(letter in text for letter in ":,\\\n"):
        raise ValueError(f"{text!r} must be an absolute path without colon, comma and backslash")
    return path


def _bridge(text: str) -> str:
    if not 0 < len(text) < 16 or "/" in text or text.isspace() or text in (".", ".."):
        raise ValueError(f"{text!r} is no name for a network device")
    return text


def _bip(text: str) -> IPv4Interface:
    address = IPv4Interface(text)
    if address.ip == address.network.network_address or address.network.prefixlen > 30:
        raise ValueError(f"{text!r} is not an address within a subnet, as 172.17.0.1/16 is")
    return address


def _pool(text: str) -> AddressPool:
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    if set(fields) != {"base", "size"}:
        raise ValueError(f"{text!r} is not of the form base=10.0.0.0/8,size=24")
    base, size = ip_network(fields["base"], strict=False), int(fields["size"])
    if not base.prefixlen <= size <= (30 if base.version == 4 else 126):
        raise ValueError(f"size {size} does not fit into {base}")
    return AddressPool(base, size)


def _cidr6(text: str) -> IPv6Network:
    subnet = IPv6Network(text)
    if subnet.prefixlen > 126:
        raise ValueError(f"{text!r} has no room for containers")
    return subnet


def _publish_mode(text: str) -> PublishMode:
    try:
        return PublishMode(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither kernel nor forward") from None


def _host_names(text: str) -> bool:
    if text not in ("hosts", "off"):
        raise ValueError(f"{text!r} is neither hosts nor off")
    return text == "hosts"


def _mtu(text: str) -> int:
    if not 68 <= int(text) <= 65535:
        raise ValueError(f"{text} is no MTU")
    return int(text)


def _dns(text: str) -> str:
    return str(ip_address(text))


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(f"{text} is less than 1")
    return int(text)


def _seconds(text: str) -> float:
    if not 0.1 <= float(text) <= 3600:
        raise ValueError(f"{text} is no time-out in seconds")
    return float(text)


def _size(text: str) -> int:
    number, unit = text.rstrip("kKmMgGtTbB"), text.lstrip("0123456789").lower().rstrip("b")
    return _count(number) << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]


def _mirror(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"invalid mirror: {text!r} is not http(s)://host[:port]")
    return text.rstrip("/")


def _insecure(text: str) -> str:
    if "://" in text or ("/" in text and not IPv4Network(text, strict=False)):
        raise ValueError(f"insecure registry {text} should not contain '://'")
    return text


_PARSERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "host": (_host, "where to listen: unix:///path, or fd:// for systemd's socket"),
    "data-root": (_absolute, "where containers, images and volumes are kept"),
    "exec-root": (_absolute, "where runtime state is kept until the next boot"),
    "bridge": (_bridge, "name of the default bridge"),
    "bip": (_bip, "address of the default bridge, as 172.17.0.1/16"),
    "icc": (_truth, "let all containers of the default bridge talk to each other, as Docker does"),
    "ipv6": (_truth, "give the default bridge IPv6 too"),
    "fixed-cidr-v6": (_cidr6, "its IPv6 subnet (default: a unique local one)"),
    "ip": (IPv4Address, "default host address of published ports"),
    "publish-mode": (_publish_mode, "who carries published ports: kernel, or forward (seen by the host's INPUT rules)"),
    "allow-direct-routing": (_truth, "let other machines reach published ports by the containers' own addresses too"),
    "host-names": (_host_names, "how the host finds NAME.fairlead: hosts (a block in its hosts file), or off"),
    "hosts-file": (_absolute, "the host's hosts file (default /etc/hosts)"),
    "mtu": (_mtu, "MTU of containers' networks"),
    "link-environment": (_truth, "give linked containers their variables"),
    "stop-containers-on-exit": (_truth, "stop all containers when the daemon stops"),
    "group": (str, "group that may use the socket"),
    "registry-timeout": (_seconds, "seconds after which a registry that says nothing is given up (default 30)"),
    "max-concurrent-downloads": (_count, "layers pulled at a time (default 3)"),
    "max-concurrent-uploads": (_count, "layers pushed at a time (default 5)"),
    "max-download-attempts": (_count, "tries in a row that may fail (default 5)"),
    "max-layer-size": (_size, "what one layer may unpack to, as 64g (the default)"),
    "debug": (_truth, "log more"),
}
_LISTS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "default-address-pool": (_pool, "base=NET,size=BITS: where networks get their subnets from (repeatable)"),
    "dns": (_dns, "name server for containers (repeatable)"),
    "label": (str, "key=value shown by info (repeatable)"),
    "registry-mirror": (_mirror, "asked before Docker Hub (repeatable)"),
    "insecure-registry": (_insecure, "host[:port] or network that may speak plain HTTP (repeatable)"),
    "certs-dir": (_absolute, "where certificates of registries are, below their names (repeatable)"),
}
_FIELDS = {
    "ip": "host_ip",
    "group": "socket_group",
    "default-address-pool": "pools",
    "label": "labels",
    "registry-timeout": "registry_timeout_s",
    "registry-mirror": "registry_mirrors",
    "insecure-registry": "insecure_registries",
    "certs-dir": "certificates",
    "max-layer-size": "max_layer_bytes",
}


def parse(argv: Sequence[str], *, default_file: Path = DEFAULT_FILE) -> Settings:
    """Raises ConfigError; argparse prints help and flags it does not know itself."""
    given = vars(_parser().parse_args(list(argv)))
    path = given.pop("config", None)
    values = _from_file(Path(path)) if path else _from_file(default_file) if default_file.exists() else {}
    for name, text in given.items():
        if text is not None:
            key = name.replace("_", "-")
            values[_field(key)] = _value(key, text, f"--{key}")
    return Settings(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fairlead daemon", description="The engine itself, in the foreground.")
    parser.add_argument("--config", metavar="FILE", help=f"TOML file with the same names (default {DEFAULT_FILE})")
    for name, (kind, text) in _PARSERS.items():
        flags = [f"--{name}"] + (["-H"] if name == "host" else ["-D"] if name == "debug" else [])
        if kind is _truth:
            parser.add_argument(*flags, nargs="?", const="true", metavar="true|false", help=text)
        else:
            parser.add_argument(*flags, help=text)
    for name, (_, text) in _LISTS.items():
        parser.add_argument(f"--{name}", action="append", help=text)
    return parser


def _from_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"read {path}: {error}") from error
    values = {}
    for name, value in document.items():
        key = name.replace("_", "-")
        if key not in _PARSERS and key not in _LISTS:
            raise ConfigError(f"{path}: unknown setting {name!r}")
        values[_field(key)] = _value(key, _texts(value), f"{path}: {name}")
    return values


def _texts(value: object) -> str | list[str]:
    """A TOML value as a flag would have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [text for item in value for text in [_texts(item)] if isinstance(text, str)]
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in value.items())
    return str(value)


def _field(key: str) -> str:
    return _FIELDS.get(key, key.replace("-", "_"))


def _value(key: str, given: str | list[str], where: str) -> Any:
    try:
        if key in _LISTS:
            parse_one = _LISTS[key][0]
            return tuple(parse_one(text) for text in ([given] if isinstance(given, str) else given))
        if not isinstance(given, str):
            raise ValueError("one value, not a list")
        return _PARSERS[key][0](given)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
