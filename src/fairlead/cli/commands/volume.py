"""Volumes: ls, create, rm, inspect, prune."""

from __future__ import annotations

import sys

from fairlead.cli import client, inspection, userconfig
from fairlead.cli.commands import prune as prunes
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client


def list_volumes(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import volumes

    options = parse(LIST, argv)
    fmt = options["format"] or ("" if options["quiet"] else userconfig.text("volumesFormat"))
    answer = api.get("/volumes", filters=client.filters(options["filter"]))
    sys.stdout.write(volumes.show(answer.get("Volumes") or [], fmt, quiet=options["quiet"]))
    return 0


def create(api: Client, argv: list[str]) -> int:
    options = parse(CREATE, argv)
    name = options["name"]
    if options.args:
        if name:
            raise client.Refused(
                "conflicting options: cannot specify a volume-name through both --name and as a positional arg"
            )
        name = options.args[0]
    body: dict[str, Any] = {"Driver": options["driver"]}
    for key, value in (
        ("Name", name),
        ("DriverOpts", client.mapping(options["opt"])),
        ("Labels", client.mapping(options["label"])),
    ):
        if value:
            body[key] = value
    sys.stdout.write(f"{api.post('/volumes/create', body)['Name']}\n")
    return 0


def remove(api: Client, argv: list[str]) -> int:
    options = parse(REMOVE, argv)
    errors: list[str] = []
    for name in options.args:
        try:
            api.delete(f"/volumes/{name}", force=options["force"])
        except client.ApiError as error:
            errors.append(f"Error response from daemon: {error}")
            continue
        sys.stdout.write(f"{name}\n")
    sys.stdout.flush()
    sys.stderr.write("".join(f"{error}\n" for error in errors))
    return 1 if errors else 0


def inspect(api: Client, argv: list[str]) -> int:
    options = parse(INSPECT, argv)
    return inspection.run(api, "volume", options.args, options["format"])


def prune(api: Client, argv: list[str]) -> int:
    options = parse(PRUNE, argv)
    which = "all local volumes" if options["all"] else "anonymous local volumes"
    warning = f"WARNING! This will remove {which} not used by at least one container."
    if not options["force"] and not prunes.confirm(warning):
        return 0
    wanted = client.filters(options["filter"])
    if options["all"]:
        wanted["all"] = ["true"]
    sys.stdout.write(prunes.reclaimed(prunes.volumes(api, wanted)))
    return 0


LIST = Verb(
    "volume ls [OPTIONS]", "List volumes", (0, 0),
    items("filter", "f", word="filter", check="condition", help='Provide filter values (e.g. "dangling=true")'),
    text("format", help="Format output using a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'"),
    boolean("quiet", "q", help="Only display volume names"),
)  # fmt: skip
CREATE = Verb(
    "volume create [OPTIONS] [VOLUME]", "Create a volume", (0, 1),
    text("driver", "d", default="local", help="Specify volume driver name"),
    items("label", help="Set metadata for a volume"),
    text("name", help="Specify volume name", hidden=True),
    items("opt", "o", word="map", help="Set driver specific options"),
)  # fmt: skip
REMOVE = Verb(
    "volume rm [OPTIONS] VOLUME [VOLUME...]",
    "Remove one or more volumes", (1, None),
    boolean("force", "f", help="Force the removal of one or more volumes"),
)  # fmt: skip
INSPECT = Verb(
    "volume inspect [OPTIONS] VOLUME [VOLUME...]", "Display detailed information on one or more volumes", (1, None),
    text("format", "f", help="Format output using a Go template or 'json'"),
)  # fmt: skip
PRUNE = Verb(
    "volume prune [OPTIONS]", "Remove unused local volumes", (0, 0),
    boolean("all", "a", help="Remove all unused volumes, not just anonymous ones"),
    items("filter", word="filter", check="condition", help='Provide filter values (e.g. "label=<label>")'),
    boolean("force", "f", help="Do not prompt for confirmation"),
)  # fmt: skip
