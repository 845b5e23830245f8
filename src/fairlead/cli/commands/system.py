"""The engine itself: version, info, events, system df, system prune."""

from __future__ import annotations

import sys

from fairlead.cli import client, jsontext, userconfig
from fairlead.cli.commands import prune as prunes
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fairlead.cli.client import Client


def _client_facts() -> dict[str, Any]:
    import posix

    import fairlead

    machine = posix.uname().machine
    return {
        "Version": fairlead.__version__,
        "ApiVersion": client.API_VERSION,
        "DefaultAPIVersion": client.API_VERSION,
        "PythonVersion": sys.version.split()[0],
        "Os": sys.platform,
        "Arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        "Context": "default",
    }


def version(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import system

    options = parse(VERSION, argv)
    server: dict[str, Any] | None = None
    failure: Exception | None = None
    try:
        server = api.get("/version")
    except (client.ApiError, client.NoDaemon) as error:
        failure = error
    facts = _client_facts()
    if not options["format"]:
        sys.stdout.write(system.version(facts, server))
    elif failure is None or ".Server" not in options["format"]:
        _templated(options["format"], {"Client": facts, "Server": server}, "system.versionInfo", name="version")
    if failure is not None:
        raise failure
    return 0


def info(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import system

    options = parse(INFO, argv)
    facts = api.get("/info")
    about_client = _client_facts()
    if options["format"]:
        _templated(options["format"], {**facts, "ClientInfo": about_client, "ServerErrors": []}, "system.dockerInfo")
        return 0
    out, warnings = system.info(about_client, facts)
    sys.stdout.write(out)
    sys.stdout.flush()
    sys.stderr.write(warnings)
    return 0


def _templated(fmt: str, value: Any, go_type: str, *, name: str = "") -> None:
    from fairlead.cli import template

    prefix = "template parsing error: "
    parsed = template.Template("{{json .}}" if fmt == "json" else fmt, prefix=prefix, parse_code=64)
    try:
        shown = parsed.render(value)
    except template.TemplateError as error:
        sys.stdout.write("\n")
        said = str(error).removeprefix(prefix).replace("template: :", f"template: {name}:")
        said = said.replace('executing ""', f'executing "{name}"')
        before, missing, field = said.partition("map has no entry for key ")
        if missing:
            said = f"{before}can't evaluate field {field.strip(chr(34))} in type {go_type}"
        raise client.Refused(said) from None
    sys.stdout.write(f"{shown}\n")


def events(api: Client, argv: list[str]) -> int:
    options = parse(EVENTS, argv)
    line = _event_form(options["format"])
    chunks = api.stream(
        "GET",
        "/events",
        filters=client.filters(options["filter"]),
        since=client.moment(options["since"], ""),
        until=client.moment(options["until"], ""),
    )
    for message in api.messages(chunks):
        sys.stdout.write(line(message))
        sys.stdout.flush()
    return 0


def _event_form(fmt: str) -> Callable[[dict[str, Any]], str]:
    from fairlead.cli.listings import system

    if not fmt:
        return system.event
    if fmt in ("json", "{{json .}}"):
        return lambda message: jsontext.dumps(system.sorted_attributes(message)) + "\n"
    from fairlead.cli import template

    parsed = template.Template(fmt, prefix="Error parsing format: ", parse_code=64, code=64)
    return lambda message: parsed.render(template.Context("*events.Message", system.event_row(message))) + "\n"


def df(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import containers, images, system, usage, volumes

    options = parse(DF, argv)
    data = api.get("/system/df")
    if options["verbose"] and options["format"] not in ("", "table"):
        sys.stdout.write(usage.show_all(data, options["format"]))
        return 0
    if not options["verbose"]:
        sys.stdout.write(usage.show(data, options["format"]))
        return 0
    cache = data.get("BuildCache") or []
    sys.stdout.write(f"Images space usage:\n\n{images.show_usage(data.get('Images') or [])}\n")
    sys.stdout.write(f"Containers space usage:\n\n{containers.show_usage(data.get('Containers') or [])}\n")
    sys.stdout.write(f"Local Volumes space usage:\n\n{volumes.show_usage(data.get('Volumes') or [])}\n")
    sys.stdout.write(f"Build cache usage: {usage.cache_size(data)}\n\n{system.cache(cache)}")
    return 0


def prune(api: Client, argv: list[str]) -> int:
    options = parse(PRUNE, argv)
    everything, with_volumes = options["all"], options["volumes"]
    goes = [
        "  - all stopped containers",
        "  - all networks not used by at least one container",
        *(["  - all anonymous volumes not used by at least one container"] if with_volumes else []),
        f"  - all {'images without at least one container associated to them' if everything else 'dangling images'}",
        f"  - {'all' if everything else 'unused'} build cache",
    ]
    wanted = client.filters(options["filter"])
    if with_volumes and "until" in wanted:
        raise client.Refused('ERROR: The "until" filter is not supported with "--volumes"')
    told = "WARNING! This will remove:\n" + "\n".join(goes) + "\n"
    filtered = userconfig.prune_filters(wanted)
    if shown := sorted(f"{name}={value}" for name, values in filtered.items() for value in values):
        told += "\n  Items to be pruned will be filtered with:\n" + "".join(f"  - {each}\n" for each in shown)
    if not options["force"] and not prunes.confirm(told):
        return 0
    freed = prunes.containers(api, wanted)
    freed += prunes.networks(api, wanted)
    if with_volumes:
        freed += prunes.volumes(api, {key: value for key, value in wanted.items() if key != "until"})
    freed += prunes.images(api, wanted, unused=everything)
    freed += prunes.build_cache(api, wanted)
    sys.stdout.write(prunes.reclaimed(freed))
    return 0


def dial(api: Client, argv: list[str]) -> int:
    """The far end of a client's ssh: what comes goes to the daemon, what the daemon says goes back."""
    from fairlead.cli import streams, terminal

    parse(DIAL, argv)
    terminal.join(api.connect(), b"", streams.Output(raw=True), tty=False, detach_keys="")
    return 0


_FORMAT_HELP = "Format output using a Go template or 'json'"
VERSION = Verb("version [OPTIONS]", "Show the version information", (0, 0), text("format", "f", help=_FORMAT_HELP))
INFO = Verb("info [OPTIONS]", "Display system-wide information", (0, 0), text("format", "f", help=_FORMAT_HELP))
EVENTS = Verb(
    "events [OPTIONS]", "Get real time events from the server", (0, 0),
    items("filter", "f", word="filter", check="condition", help="Filter output based on conditions provided"),
    text("format", help=_FORMAT_HELP),
    text("since", help="Show all events created since timestamp"),
    text("until", help="Stream events until this timestamp"),
)  # fmt: skip
DIAL = Verb(
    "system dial-stdio", "Proxy the stdio stream to the daemon connection. Should not be invoked manually.", (0, 0)
)
DF = Verb(
    "system df [OPTIONS]", "Show disk usage", (0, 0), text("format", help=_FORMAT_HELP),
    boolean("verbose", "v", help="Show detailed information on space usage"),
)  # fmt: skip
PRUNE = Verb(
    "system prune [OPTIONS]", "Remove unused data", (0, 0),
    boolean("all", "a", help="Remove all unused images not just dangling ones"),
    items("filter", word="filter", check="condition", help='Provide filter values (e.g. "label=<key>=<value>")'),
    boolean("force", "f", help="Do not prompt for confirmation"),
    boolean("volumes", help="Prune anonymous volumes"),
)  # fmt: skip
