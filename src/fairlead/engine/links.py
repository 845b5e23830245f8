"""`--link`: its grammar, its names, and the environment variables a recipient gets from a source. Pure.

Words: the *source* is linked to, the *recipient* was created with `--link`. The rule for `<ALIAS>_PORT` is the user
guide's (lowest port number, tcp on a tie), see docs/decisions/0006.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address

from fairlead.errors import InvalidParameter
from fairlead.model.container import Port

_NOT_PASSED = frozenset({"HOME", "PATH"})


def parse(text: str) -> tuple[str, str]:
    """(source, alias) of `db`, `db:webdb`, or of what inspect prints, `/db:/web/webdb`."""
    if not text:
        raise InvalidParameter("empty string specified for links")
    parts = text.split(":")
    if len(parts) > 2:
        raise InvalidParameter(f"bad format for links: {text}")
    name, alias = parts[0], parts[-1]
    if name.startswith("/"):
        name = name[1:]
        alias = alias.rpartition("/")[2]
    alias = alias.strip("/")
    if not name or not alias or any(part in ("", ".", "..") for part in alias.split("/")) or _has_space(alias):
        raise InvalidParameter(f"bad format for links: {text}")
    return name, alias


def _has_space(text: str) -> bool:
    return any(letter.isspace() for letter in text)


def link_name(recipient: str, alias: str) -> str:
    """`/web/db`, from names without a leading slash."""
    return f"/{recipient}/{alias}"


def hosts_alias(alias: str) -> str:
    """What of an alias can stand in a hosts file: its last element."""
    return alias.rpartition("/")[2]


def environment(
    name: str, address: IPv4Address | IPv6Address | str, source_env: Sequence[str], exposed: Iterable[Port]
) -> list[str]:
    """The variables of one link called `name` (`/web/db`) to a source at `address`."""
    prefix = hosts_alias(name).upper().replace("-", "_")
    ports = sorted(exposed, key=lambda port: (port.number, port.protocol != "tcp", port.protocol))
    out: list[str] = []
    if ports:
        out.append(f"{prefix}_PORT={_url(ports[0], address)}")
    for port in ports:
        stem = _stem(prefix, port)
        out += [
            f"{stem}={_url(port, address)}",
            f"{stem}_ADDR={address}",
            f"{stem}_PORT={port.number}",
            f"{stem}_PROTO={port.protocol}",
        ]
    for first, last in _runs(ports):
        stem = _stem(prefix, first)
        out += [
            f"{stem}_START={_url(first, address)}",
            f"{stem}_PORT_START={first.number}",
            f"{stem}_END={_url(last, address)}",
            f"{stem}_PORT_END={last.number}",
        ]
    out.append(f"{prefix}_NAME={name}")
    for entry in source_env:
        key, equals, value = entry.partition("=")
        if equals and key not in _NOT_PASSED:
            out.append(f"{prefix}_ENV_{key}={value}")
    return out


def _stem(prefix: str, port: Port) -> str:
    return f"{prefix}_PORT_{port.number}_{port.protocol.upper()}"


def _url(port: Port, address: IPv4Address | IPv6Address | str) -> str:
    host = f"[{address}]" if ":" in str(address) else address
    return f"{port.protocol}://{host}:{port.number}"


def _runs(ports: Iterable[Port]) -> list[tuple[Port, Port]]:
    """First and last port of each run of two or more consecutive numbers of one protocol."""
    runs: list[tuple[Port, Port]] = []
    for port in sorted(ports, key=lambda port: (port.protocol != "tcp", port.protocol, port.number)):
        if runs and runs[-1][1].protocol == port.protocol and runs[-1][1].number + 1 == port.number:
            runs[-1] = (runs[-1][0], port)
        else:
            runs.append((port, port))
    return [(first, last) for first, last in runs if first != last]
