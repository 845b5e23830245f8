"""`-p`, `-P` and `--expose` → ExposedPorts and PortBindings. Grammar and messages: go-connections nat, docker/cli."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROTOCOLS = ("tcp", "udp", "sctp")
_MAX = 65535


def publish(specs: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(exposed ports, port bindings) of all `-p`."""
    exposed: dict[str, Any] = {}
    bindings: dict[str, Any] = {}
    for spec in specs:
        for port, host_ip, host_port in _mappings(_long_form(spec) if "=" in spec else spec):
            exposed[port] = {}
            bindings.setdefault(port, []).append({"HostIp": host_ip, "HostPort": host_port})
    return exposed, bindings


def _long_form(spec: str) -> str:
    """`target=80,published=8080,protocol=udp`."""
    values = {}
    for item in spec.split(","):
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"invalid publish opts format (should be name=value but got '{item}')")
        values[name.strip().lower()] = value
    return f"{values.get('published', '')}:{values.get('target', '')}/{values.get('protocol', 'tcp')}"


def _mappings(spec: str) -> list[tuple[str, str, str]]:
    rest, _, protocol = spec.partition("/")
    protocol = protocol or "tcp"
    host_ip, host, container = _split(rest)
    if host_ip:
        _check_address(host_ip)
    if not container:
        raise ValueError(f"no port specified: {spec}<empty>")
    first, last = _range(container, "containerPort")
    if protocol.lower() not in _PROTOCOLS:
        raise ValueError(f"invalid proto: {protocol}")
    protocol = protocol.lower()
    low, high = _range(host, "hostPort") if host else (0, 0)
    if host and last - first != high - low:
        if first != last:
            raise ValueError(f"invalid ranges specified for container and host Ports: {container} and {host}")
        return [(f"{first}/{protocol}", host_ip, f"{low}-{high}" if high > low else str(low))]
    return [
        (f"{first + step}/{protocol}", host_ip, str(low + step) if host else "") for step in range(last - first + 1)
    ]


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if len(parts) == 1:
        return "", "", parts[0]
    if len(parts) == 2:
        return "", parts[0], parts[1]
    host_ip = ":".join(parts[:-2])
    if host_ip.startswith("[") and host_ip.endswith("]"):
        host_ip = host_ip[1:-1]
    return host_ip, parts[-2], parts[-1]


def _check_address(text: str) -> None:
    from fairlead.cli.values import is_address

    if not is_address(text):
        raise ValueError(f"invalid IP address: {text}")


def _range(text: str, what: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    last = last.split("-")[0]
    if not first.isdigit() or (dash and not last.isdigit()):
        raise ValueError(f"invalid {what}: {text}")
    low, high = int(first), int(last) if dash else int(first)
    if high < low or high > _MAX:
        raise ValueError(f"invalid {what}: {text}")
    return low, high


def expose(specs: list[str]) -> dict[str, Any]:
    """`--expose 80`, `8000-8010/udp`."""
    out: dict[str, Any] = {}
    for spec in specs:
        if ":" in spec:
            raise ValueError(f"invalid port format for --expose: {spec}")
        numbers, _, protocol = spec.partition("/")
        first, dash, last = numbers.partition("-")
        try:
            if not numbers:
                raise ValueError("empty string specified for ports")
            low, high = _number(first), _number(last if dash else first)
            if high < low:
                raise ValueError(f"invalid range specified for port: {numbers}")
        except ValueError as error:
            raise ValueError(f"invalid range format for --expose: {spec}, error: {error}") from None
        for number in range(low, high + 1):
            out[f"{number}/{(protocol or 'tcp').lower()}"] = {}
    return out


def _number(text: str) -> int:
    from fairlead.cli.flags import integer

    return integer(text, low=0, high=_MAX, name="ParseUint")
