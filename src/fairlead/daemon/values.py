"""Texts of settings → values; each raises ValueError, with what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Interface, IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from fairlead.api.schema import limits
from fairlead.model.container import Ulimit
from fairlead.model.network import PublishMode
from fairlead.model.settings import AddressPool


def truth(text: str) -> bool:
    match text.lower():
        case "1" | "t" | "true":
            return True
        case "0" | "f" | "false":
            return False
    raise ValueError(f"{text!r} is neither true nor false")


def host(text: str) -> str:
    if text.startswith("unix:///") or text == "fd://":
        return text
    raise ValueError(f"{text!r} is no unix:///path and not fd://")


def absolute(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or any(letter in text for letter in ":,\\\n"):
        raise ValueError(f"{text!r} must be an absolute path without colon, comma and backslash")
    return path


def bridge(text: str) -> str:
    if not 0 < len(text) < 16 or "/" in text or text.isspace() or text in (".", ".."):
        raise ValueError(f"{text!r} is no name for a network device")
    return text


def bip(text: str) -> IPv4Interface:
    address = IPv4Interface(text)
    if address.ip == address.network.network_address or address.network.prefixlen > 30:
        raise ValueError(f"{text!r} is not an address within a subnet, as 172.17.0.1/16 is")
    return address


def pool(text: str) -> AddressPool:
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    if set(fields) != {"base", "size"}:
        raise ValueError(f"{text!r} is not of the form base=10.0.0.0/8,size=24")
    base, size = ip_network(fields["base"], strict=False), int(fields["size"])
    if not base.prefixlen <= size <= (30 if base.version == 4 else 126):
        raise ValueError(f"size {size} does not fit into {base}")
    return AddressPool(base, size)


def cidr6(text: str) -> IPv6Network:
    subnet = IPv6Network(text)
    if subnet.prefixlen > 126:
        raise ValueError(f"{text!r} has no room for containers")
    return subnet


def publish_mode(text: str) -> PublishMode:
    try:
        return PublishMode(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither kernel nor forward") from None


def host_names(text: str) -> bool:
    if text not in ("hosts", "off"):
        raise ValueError(f"{text!r} is neither hosts nor off")
    return text == "hosts"


def mtu(text: str) -> int:
    if not 68 <= int(text) <= 65535:
        raise ValueError(f"{text} is no MTU")
    return int(text)


def dns(text: str) -> str:
    return str(ip_address(text))


def count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(f"{text} is less than 1")
    return int(text)


def seconds(text: str) -> float:
    if not 0.1 <= float(text) <= 3600:
        raise ValueError(f"{text} is no time-out in seconds")
    return float(text)


def size(text: str) -> int:
    number, unit = text.rstrip("kKmMgGtTbB"), text.lstrip("0123456789").lower().rstrip("b")
    return count(number) << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]


def mirror(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"invalid mirror: {text!r} is not http(s)://host[:port]")
    return text.rstrip("/")


def insecure(text: str) -> str:
    if "://" in text or ("/" in text and not IPv4Network(text, strict=False)):
        raise ValueError(f"insecure registry {text} should not contain '://'")
    return text


def cidr4(text: str) -> IPv4Network:
    subnet = IPv4Network(text, strict=False)
    if subnet.prefixlen > 30:
        raise ValueError(f"{text!r} has no room for containers")
    return subnet


def ulimit(text: str) -> Ulimit:
    """`nofile=1024:2048`, `nproc=64`."""
    name, equals, numbers = text.partition("=")
    soft, _, hard = numbers.partition(":")
    if name not in limits.ULIMITS or not equals:
        raise ValueError(f"invalid ulimit: {text!r} is not of the form nofile=1024:2048")
    limit = Ulimit(name, int(soft), int(hard or soft))
    if limit.hard != -1 and (limit.soft > limit.hard or limit.soft < 0):
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}")
    return limit


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is not of the form name=value")
    return name, value


def ipc_mode(text: str) -> str:
    if text not in ("private", "shareable"):
        raise ValueError(f"IPC mode {text!r} is neither private nor shareable")
    return text


def cgroupns_mode(text: str) -> str:
    if text not in ("private", "host"):
        raise ValueError(f"cgroup namespace mode {text!r} is neither private nor host")
    return text


def not_truth(text: str) -> bool:
    return not truth(text)


def only(*accepted: str) -> Callable[[str], str]:
    """A setting of Docker's of which there is one way here: taken if that is what is asked for."""

    def parse(text: str) -> str:
        if text.lower() not in accepted:
            raise ValueError(f"{text!r} cannot be had, only {' or '.join(accepted)}")
        return text

    return parse


def log_driver(text: str) -> str:
    if text not in ("json-file", "local", "journald", "none"):
        raise ValueError(f"logger: no log driver named '{text}' is registered")
    return text
