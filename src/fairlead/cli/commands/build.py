"""`build`: sends the context, shows the steps."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, context, credentials, jsontext, progress, units, userconfig
from fairlead.cli.commands.image import split_reference
from fairlead.cli.flags import Options, UsageError, Verb, boolean, items, number, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from fairlead.cli.client import Client


_MAX_SECRETS = 48 << 10
"""What fits a header, with room for others."""


def build(api: Client, argv: list[str]) -> int:
    options = parse(BUILD, argv)
    if options["squash"]:
        raise client.Refused('"--squash" is only supported on a Docker daemon with experimental features enabled')
    for name in options["tag"]:
        _check_tag(name)
    try:
        sent = _context(options)
        body = _counted(sent, quiet=options["quiet"])
        query = _query(options, sent.dockerfile, api.host)
        headers = {**_secrets(options["secret"]), **credentials.headers_of_build()}
        chunks = api.stream("POST", "/build", body, content_type="application/x-tar", headers=headers, **query)
    except context.ContextError as error:
        raise client.Refused(str(error)) from None
    image = _follow(api, chunks, quiet=options["quiet"])
    if options["iidfile"]:
        with open(options["iidfile"], "w", encoding="utf-8") as file:
            file.write(image)
    return 0


def _context(options: Options) -> context.Context:
    place = options.args[0]
    if place == "-":
        return context.from_stdin(options["file"], sys.stdin.buffer)
    if place.startswith(("git://", "git@", "github.com/")) or place.partition("#")[0].endswith(".git"):
        raise context.ContextError(
            f"unable to prepare context: git contexts are not supported: clone {place} and build the directory"
        )
    if place.startswith(("http://", "https://")):
        return context.from_url(place, options["file"])
    return context.from_directory(place, options["file"], sys.stdin.buffer)


def _secrets(given: list[str]) -> dict[str, str]:
    """`id=x,src=file` or `id=x,env=NAME`, in the header of our own that the daemon reads them from."""
    if not given:
        return {}
    import base64

    found = {}
    for given_text in given:
        fields = dict(part.partition("=")[::2] for part in given_text.split(","))
        name = fields.get("id", "")
        if not name:
            raise UsageError(BUILD, f'invalid argument "{given_text}" for "--secret" flag: secret id is required')
        source = fields.get("src") or fields.get("source")
        found[name] = base64.b64encode(_secret(name, source, fields.get("env"))).decode()
    header = base64.b64encode(jsontext.dumps(found).encode()).decode()
    if len(header) > _MAX_SECRETS:
        raise client.Refused(f"secrets are larger than {_MAX_SECRETS // 2} bytes altogether")
    return {"X-Fairlead-Secrets": header}


def _secret(name: str, source: str | None, variable: str | None) -> bytes:
    if variable or (not source and name in os.environ):
        return os.environ.get(variable or name, "").encode("utf-8", "surrogateescape")
    try:
        with open(source or name, "rb") as file:
            return file.read(_MAX_SECRETS)
    except OSError as error:
        raise client.Refused(f"failed to stat {source or name}: {(error.strerror or '').lower()}") from None


def _check_tag(name: str) -> None:
    try:
        split_reference(name)
    except ValueError as error:
        raise UsageError(BUILD, f'invalid argument "{name}" for "-t, --tag" flag: {error}') from None


def _counted(sent: context.Context, *, quiet: bool) -> Iterator[bytes]:
    label = "Sending build context to Docker daemon"
    if quiet:
        yield from sent.chunks
        return
    sending = progress.Sending(sent.chunks, label, sys.stdout)
    yield from sending
    sys.stdout.write(f"{label}  {units.size(sending.size)}\r\r\n")
    sys.stdout.flush()


def _query(options: Options, dockerfile: str, host: str) -> dict[str, Any]:
    arguments: dict[str, str | None] = {}
    for argument in options["build-arg"]:
        name, equals, value = argument.partition("=")
        arguments[name] = value if equals else os.environ.get(name)
    arguments |= userconfig.proxies(host, arguments)
    return {
        "buildargs": jsontext.dumps(arguments) if arguments else "",
        "cachefrom": jsontext.dumps(options["cache-from"]) if options["cache-from"] else "",
        "dockerfile": dockerfile,
        "extrahosts": options["add-host"],
        "forcerm": options["force-rm"],
        "cgroupparent": options["cgroup-parent"],
        "cpuperiod": options["cpu-period"] or "",
        "cpuquota": options["cpu-quota"] or "",
        "cpusetcpus": options["cpuset-cpus"],
        "cpusetmems": options["cpuset-mems"],
        "cpushares": options["cpu-shares"] or "",
        "isolation": options["isolation"],
        "labels": jsontext.dumps(client.mapping(options["label"])) if options["label"] else "",
        "memswap": options["memory-swap"],
        "securityopt": options["security-opt"],
        "ulimits": jsontext.dumps(options["ulimit"]) if options["ulimit"] else "",
        "memory": options["memory"],
        "networkmode": "" if options["network"] == "default" else options["network"],
        "nocache": options["no-cache"],
        "platform": options["platform"],
        "pull": options["pull"],
        "q": options["quiet"],
        "rm": "" if options["rm"] else "0",
        "shmsize": options["shm-size"],
        "t": options["tag"],
        "target": options["target"],
        "version": "1",
    }


def _follow(api: Client, chunks: Iterator[bytes], *, quiet: bool) -> str:
    """The id of the built image."""
    found: list[str] = []
    silent = _Held()
    out: Any = silent if quiet else sys.stdout
    terminal = not quiet and sys.stdout.isatty()
    try:
        progress.show(api.messages(chunks), out, terminal=terminal, aux=lambda aux: found.append(aux.get("ID", "")))
    except progress.ProgressError as error:
        sys.stderr.write(silent.text)
        raise client.Refused(str(error), code=error.code) from None
    if quiet:
        sys.stdout.write(f"{found[-1]}\n" if found else silent.text)
    return found[-1] if found else silent.text.strip()


class _Held:
    """What a quiet build says, kept for the case that it fails."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


BUILD = Verb(
    "build [OPTIONS] PATH | URL | -", "Build an image from a Dockerfile", (1, 1),
    items("add-host", help='Add a custom host-to-IP mapping ("host:ip")'),
    items("build-arg", help="Set build-time variables"),
    items("cache-from", word="strings", help="Images to consider as cache sources"),
    text("cgroup-parent", help='Set the parent cgroup for the "RUN" instructions during build'),
    boolean("compress", help="Accepted for compatibility: the context goes uncompressed over the socket"),
    number("cpu-period", help="Limit the CPU CFS (Completely Fair Scheduler) period"),
    number("cpu-quota", help="Limit the CPU CFS (Completely Fair Scheduler) quota"),
    number("cpu-shares", "c", help="CPU shares (relative weight)"),
    text("cpuset-cpus", help="CPUs in which to allow execution (0-3, 0,1)"),
    text("cpuset-mems", help="MEMs in which to allow execution (0-3, 0,1)"),
    boolean("disable-content-trust", default=True, help="Accepted for compatibility"),
    text("file", "f", help='Name of the Dockerfile (Default is "PATH/Dockerfile")'),
    boolean("force-rm", help="Always remove intermediate containers"),
    text("iidfile", help="Write the image ID to the file"),
    text("isolation", help="Container isolation technology"),
    items("label", help="Set metadata for an image"),
    text("memory", "m", word="bytes", check="size", help="Memory limit"),
    text(
        "memory-swap", word="bytes", check="swap",
        help="Swap limit equal to memory plus swap: -1 to enable unlimited swap",
    ),
    text("network", default="default", help="Set the networking mode for the RUN instructions during build"),
    boolean("no-cache", help="Do not use cache when building the image"),
    text("platform", help="Set platform if server is multi-platform capable"),
    boolean("pull", help="Always attempt to pull a newer version of the image"),
    boolean("quiet", "q", help="Suppress the build output and print image ID on success"),
    boolean("rm", default=True, help="Remove intermediate containers after a successful build"),
    items("secret", help='Secret to expose to RUN --mount=type=secret ("id=mysecret[,src=file|,env=NAME]")'),
    items("security-opt", word="strings", help="Security options"),
    text("shm-size", word="bytes", check="size", help='Size of "/dev/shm"'),
    boolean("squash", help="Squash newly built layers into a single new layer (refused, as by Docker)"),
    items("tag", "t", help='Name and optionally a tag in the "name:tag" format'),
    text("target", help="Set the target build stage to build."),
    items("ulimit", word="ulimit", check="ulimit", help="Ulimit options"),
)  # fmt: skip


def prune(api: Client, argv: list[str]) -> int:
    """`builder prune`: what `RUN --mount=type=cache` keeps between builds."""
    from fairlead.cli.commands import prune as prunes

    options = parse(PRUNE, argv)
    which = "all build cache" if options["all"] else "all dangling build cache"
    if not options["force"] and not prunes.confirm(f"WARNING! This will remove {which}.", break_line=False):
        return 0
    keep = {"keep-storage": options["keep-storage"]}
    answer = api.post("/build/prune", all=options["all"], filters=client.filters(options["filter"]), **keep)
    names = answer.get("CachesDeleted") or ()
    if names:
        sys.stdout.write("Deleted build cache objects:\n" + "".join(f"{name}\n" for name in names) + "\n")
    sys.stdout.write(f"Total reclaimed space: {units.size(int(answer.get('SpaceReclaimed') or 0))}\n")
    return 0


PRUNE = Verb(
    "builder prune [OPTIONS]", "Remove build cache", (0, 0),
    boolean("all", "a", help="Remove all unused build cache, not just dangling ones"),
    items("filter", word="filter", check="condition", help='Provide filter values (e.g. "until=24h")'),
    boolean("force", "f", help="Do not prompt for confirmation"),
    text("keep-storage", word="bytes", check="size", help="Amount of disk space to keep for cache"),
)  # fmt: skip
