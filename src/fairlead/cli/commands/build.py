"""`build`: sends the context, shows the steps."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, context, jsontext, progress, units
from fairlead.cli.commands.image import split_reference
from fairlead.cli.flags import Options, UsageError, Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from fairlead.cli.client import Client


def build(api: Client, argv: list[str]) -> int:
    options = parse(BUILD, argv)
    for name in options["tag"]:
        _check_tag(name)
    try:
        sent = _context(options)
        body = _counted(sent, quiet=options["quiet"])
        query = _query(options, sent.dockerfile)
        chunks = api.stream("POST", "/build", body, content_type="application/x-tar", **query)
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
    if place.startswith(("http://", "https://", "git://", "git@", "github.com/")):
        raise context.ContextError(f"unable to prepare context: remote contexts are not supported: {place}")
    return context.from_directory(place, options["file"], sys.stdin.buffer)


def _check_tag(name: str) -> None:
    try:
        split_reference(name)
    except ValueError as error:
        raise UsageError(BUILD, f'invalid argument "{name}" for "-t, --tag" flag: {error}') from None


def _counted(sent: context.Context, *, quiet: bool) -> Iterator[bytes]:
    size = 0
    for chunk in sent.chunks:
        size += len(chunk)
        yield chunk
    if not quiet:
        sys.stdout.write(f"Sending build context to Docker daemon  {units.size(size)}\r\r\n")
        sys.stdout.flush()


def _query(options: Options, dockerfile: str) -> dict[str, Any]:
    arguments: dict[str, str | None] = {}
    for argument in options["build-arg"]:
        name, equals, value = argument.partition("=")
        arguments[name] = value if equals else os.environ.get(name)
    return {
        "buildargs": jsontext.dumps(arguments) if arguments else "",
        "cachefrom": jsontext.dumps(options["cache-from"]) if options["cache-from"] else "",
        "dockerfile": dockerfile,
        "extrahosts": options["add-host"],
        "forcerm": options["force-rm"],
        "labels": jsontext.dumps(client.mapping(options["label"])) if options["label"] else "",
        "memory": _bytes(options, "memory", "-m, --memory"),
        "networkmode": "" if options["network"] == "default" else options["network"],
        "nocache": options["no-cache"],
        "platform": options["platform"],
        "pull": options["pull"],
        "q": options["quiet"],
        "rm": "" if options["rm"] else "0",
        "shmsize": _bytes(options, "shm-size", "--shm-size"),
        "t": options["tag"],
        "target": options["target"],
        "version": "1",
    }


def _bytes(options: Options, name: str, shown: str) -> str:
    if not options[name]:
        return ""
    try:
        return str(units.parse_size(options[name]))
    except ValueError as error:
        raise UsageError(BUILD, f'invalid argument "{options[name]}" for "{shown}" flag: {error}') from None


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
    "build [OPTIONS] PATH | -", "Build an image from a Dockerfile", (1, 1),
    items("add-host", help='Add a custom host-to-IP mapping ("host:ip")'),
    items("build-arg", help="Set build-time variables"),
    items("cache-from", help="Images to consider as cache sources"),
    boolean("compress", help="Accepted for compatibility: the context goes uncompressed over the socket"),
    boolean("disable-content-trust", default=True, help="Accepted for compatibility"),
    text("file", "f", help='Name of the Dockerfile (Default is "PATH/Dockerfile")'),
    boolean("force-rm", help="Always remove intermediate containers"),
    text("iidfile", help="Write the image ID to the file"),
    items("label", help="Set metadata for an image"),
    text("memory", "m", help="Memory limit"),
    text("network", default="default", help="Set the networking mode for the RUN instructions during build"),
    boolean("no-cache", help="Do not use cache when building the image"),
    text("platform", help="Set platform if server is multi-platform capable"),
    boolean("pull", help="Always attempt to pull a newer version of the image"),
    boolean("quiet", "q", help="Suppress the build output and print image ID on success"),
    boolean("rm", default=True, help="Remove intermediate containers after a successful build"),
    text("shm-size", help='Size of "/dev/shm"'),
    items("tag", "t", help='Name and optionally a tag in the "name:tag" format'),
    text("target", help="Set the target build stage to build."),
)  # fmt: skip
