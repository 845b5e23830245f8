"""`port add` and `port rm`: host ports of a container that exists, changed while it runs. Our own verbs."""

from __future__ import annotations

import sys

from fairlead.cli.commands import portspec
from fairlead.cli.flags import UsageError, Verb, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client


ADD = Verb(
    "port add [OPTIONS] CONTAINER SPEC [SPEC...]",
    "Publish ports of a container, running or not: [[HOST_IP:]HOST_PORT:]CONTAINER_PORT[/PROTO], as run -p has it",
    (2, None),
    text("mode", help="Who carries the bytes: kernel, or forward (seen by the host's INPUT rules)"),
)  # fmt: skip
REMOVE = Verb(
    "port rm CONTAINER SPEC [SPEC...]",
    "Publish ports of a container no longer; a CONTAINER_PORT alone means all its host ports",
    (2, None),
)  # fmt: skip


def add(api: Client, argv: list[str]) -> int:
    options = parse(ADD, argv)
    bindings = _bindings(ADD, options.args[1:])
    body = {"Add": bindings, **({"Mode": options["mode"]} if options["mode"] else {})}
    ports = _change(api, options.args[0], body)
    for port in bindings:
        for found in ports.get(port) or ():
            host = f"[{found['HostIp']}]" if ":" in found["HostIp"] else found["HostIp"]
            sys.stdout.write(f"{port} -> {host}:{found['HostPort']}\n")
    return 0


def remove(api: Client, argv: list[str]) -> int:
    options = parse(REMOVE, argv)
    _change(api, options.args[0], {"Remove": _bindings(REMOVE, options.args[1:])})
    return 0


def _bindings(verb: Verb, specs: list[str]) -> dict[str, Any]:
    try:
        return portspec.publish(specs)[1]
    except ValueError as error:
        raise UsageError(verb, str(error)) from None


def _change(api: Client, container: str, body: dict[str, Any]) -> dict[str, Any]:
    ports: dict[str, Any] = api.post(f"/fairlead/v1/containers/{container}/ports", body)["Ports"]
    return ports
