"""`port add` and `port rm`: host ports of a container that exists, changed while it runs. Our own verbs."""

from __future__ import annotations

import sys

from fairlead.cli.commands import portspec
from fairlead.cli.flags import UsageError, Verb, Words, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client


def run(api: Client, argv: list[str]) -> int:
    """`argv` begins with add or rm."""
    verb = ADD if argv[0] == "add" else REMOVE
    path = f"{getattr(argv, 'path', 'port')} {argv[0]}"
    options = parse(verb, Words(argv[1:], path))
    container, specs = options.args[0], options.args[1:]
    try:
        _, bindings = portspec.publish(specs)
    except ValueError as error:
        raise UsageError(verb, str(error)) from None
    body: dict[str, Any] = {"Add" if verb is ADD else "Remove": bindings}
    if verb is ADD and options["mode"]:
        body["Mode"] = options["mode"]
    ports = api.post(f"/fairlead/v1/containers/{container}/ports", body)["Ports"]
    if verb is ADD:
        for port in bindings:
            for found in ports.get(port) or ():
                host = f"[{found['HostIp']}]" if ":" in found["HostIp"] else found["HostIp"]
                sys.stdout.write(f"{port} -> {host}:{found['HostPort']}\n")
    return 0


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
