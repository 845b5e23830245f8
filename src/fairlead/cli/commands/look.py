"""Looking at containers: ps, inspect, port, top, diff, links."""

from __future__ import annotations

import sys

from fairlead.cli import client, userconfig
from fairlead.cli.flags import Verb, boolean, items, number, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

PS = Verb(
    "ps [OPTIONS] [NAME...]", "List containers", (0, None),
    boolean("all", "a", help="Show all containers (default shows just running)"),
    items("filter", "f", word="filter", check="condition", help="Filter output based on conditions provided"),
    text("format", help="Format output using a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'"),
    number("last", "n", default=-1, help="Show n last created containers (includes all states)"),
    boolean("latest", "l", help="Show the latest created container (includes all states)"),
    boolean("no-trunc", help="Don't truncate output"), boolean("quiet", "q", help="Only display container IDs"),
    boolean("size", "s", help="Display total file sizes"),
)  # fmt: skip
INSPECT = Verb(
    "inspect [OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on objects", (1, None),
    text("format", "f", help="Format output using a Go template or 'json'"),
    boolean("size", "s", help="Display total file sizes if the type is container"),
    text("type", help="Only inspect objects of the given type"),
)  # fmt: skip
INSPECT_CONTAINERS = Verb(
    "container inspect [OPTIONS] CONTAINER [CONTAINER...]", "Display detailed information on one or more containers",
    (1, None), text("format", "f", help="Format output using a Go template or 'json'"),
    boolean("size", "s", help="Display total file sizes"),
)  # fmt: skip
PORT = Verb(
    "port CONTAINER [PRIVATE_PORT[/PROTO]]", "List port mappings or a specific mapping for the container", (1, 2)
)
TOP = Verb("top CONTAINER [ps OPTIONS]", "Display the running processes of a container", (1, None), interspersed=False)
DIFF = Verb("diff CONTAINER", "Inspect changes to files or directories on a container's filesystem", (1, 1))
LINKS = Verb("link ls", "List links", (0, 0))


def list_containers(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import containers

    options = parse(PS, argv)
    fmt = options["format"]
    size = options["size"]
    if fmt:
        size = containers.asks_size(fmt) if not options.given("size") and not options["quiet"] else size
    elif not options["quiet"]:
        fmt = userconfig.text("psFormat")
    limit = 1 if options["latest"] else options["last"]
    rows = api.get(
        "/containers/json",
        all=options["all"] or bool(options.args),
        limit=limit if limit > 0 else None,
        size=size,
        filters=client.filters(options["filter"]),
    )
    if options.args:
        rows = _named(rows, options.args)
    out = containers.show(
        rows, fmt, quiet=options["quiet"], no_trunc=options["no-trunc"], with_size=options["size"]
    )
    sys.stdout.write(out)
    return 0


def _named(rows: list[Any], wanted: list[str]) -> list[Any]:
    """The rows of these names and ids; what is not there is an error, after the rest was found."""
    found = []
    for name in wanted:
        clean = f"/{name.strip('/')}"
        match = [row for row in rows if clean in row["Names"]] or [row for row in rows if row["Id"].startswith(name)]
        if not match:
            raise client.ApiError(404, f"No such container: {name}")
        found += [row for row in match if row not in found]
    return found


def inspect(api: Client, argv: list[str]) -> int:
    from fairlead.cli import inspection

    options = parse(INSPECT, argv)
    if options["type"] not in ("", *inspection.PATHS):
        known = ", ".join(f'"{kind}"' for kind in inspection.PATHS)
        raise client.Refused(f'unknown type: "{options["type"]}": must be one of {known}')
    return inspection.run(api, options["type"], options.args, options["format"], size=options["size"])


def inspect_containers(api: Client, argv: list[str]) -> int:
    from fairlead.cli import inspection

    options = parse(INSPECT_CONTAINERS, argv)
    return inspection.run(api, "container", options.args, options["format"], size=options["size"])


def port(api: Client, argv: list[str]) -> int:
    args = parse(PORT, argv).args
    try:
        bindings = api.get(f"/containers/{args[0]}/json")["NetworkSettings"]["Ports"] or {}
    except client.ApiError as error:
        if args[0] in ("add", "rm") and error.status == 404:
            hint = f"Run 'fairlead port {args[0]} --help' for more information"
            raise client.Refused(f"Error response from daemon: {error}\n\n{hint}") from None
        raise
    if len(args) == 2:
        number_, _, protocol = args[1].partition("/")
        if not number_.isdigit():
            raise client.Refused(f'Error: invalid port ({number_}): strconv.ParseUint: parsing "{number_}": '
                                 "invalid syntax")  # fmt: skip
        found = bindings.get(f"{number_}/{protocol or 'tcp'}")
        if not found:
            raise client.Refused(f"Error: No public port '{args[1]}' published for {args[0]}")
        sys.stdout.write("".join(f"{_address(binding)}\n" for binding in found))
        return 0
    lines = [
        (int(key.partition("/")[0]), key, f"{key} -> {_address(binding)}\n")
        for key, found in bindings.items()
        for binding in found or ()
    ]
    sys.stdout.write("".join(line for _, _, line in sorted(lines)))
    return 0


def _address(binding: dict[str, str]) -> str:
    host = binding["HostIp"]
    return f"[{host}]:{binding['HostPort']}" if ":" in host else f"{host}:{binding['HostPort']}"


def top(api: Client, argv: list[str]) -> int:
    from fairlead.cli import tables

    args = parse(TOP, argv).args
    answer = api.get(f"/containers/{args[0]}/top", ps_args=" ".join(args[1:]))
    sys.stdout.write(tables.rows([answer["Titles"], *answer["Processes"]], minimum=20, padding=3))
    return 0


def diff(api: Client, argv: list[str]) -> int:
    name = parse(DIFF, argv).args[0]
    for change in api.get(f"/containers/{name}/changes") or ():
        sys.stdout.write(f"{'CAD'[change['Kind']]} {change['Path']}\n")
    return 0


def list_links(api: Client, argv: list[str]) -> int:
    from fairlead.cli import tables

    parse(LINKS, argv)
    rows = [["RECIPIENT", "ALIAS", "SOURCE", "PORTS", "STATE"]]
    for link in api.call("GET", "/fairlead/v1/links", versioned=False):
        ports = ", ".join(link.get("Ports") or ())
        rows.append([link["Recipient"], link["Alias"], link["Source"], ports, link.get("State", "")])
    sys.stdout.write(tables.rows(rows, minimum=10, padding=3))
    return 0
