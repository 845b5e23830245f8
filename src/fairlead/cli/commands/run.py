"""`run`, `create`, `pull`: from flags to a container, its output and its exit code."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, terminal
from fairlead.cli.commands import options as container_options
from fairlead.cli.flags import Options, UsageError, Verb, boolean, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

RUN = Verb(
    "run [OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", (1, None),
    boolean("detach", "d", help="Run container in background and print container ID"),
    boolean("sig-proxy", default=True, help="Proxy received signals to the process"),
    *container_options.FLAGS, interspersed=False,
)  # fmt: skip
CREATE = Verb(
    "create [OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", (1, None), *container_options.FLAGS,
    interspersed=False,
)  # fmt: skip
PULL = Verb(
    "pull [OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", (1, 1),
    boolean("quiet", "q", help="Suppress verbose output"), boolean("all-tags", "a"), text("platform"),
)  # fmt: skip


def create(api: Client, argv: list[str]) -> int:
    options = parse(CREATE, argv)
    try:
        sys.stdout.write(f"{_create(api, options, CREATE)}\n")
    except UsageError as error:
        raise UsageError(CREATE, str(error)) from None
    return 0


def pull(api: Client, argv: list[str]) -> int:
    options = parse(PULL, argv)
    _pull(api, options.args[0], quiet=options["quiet"])
    return 0


def run(api: Client, argv: list[str]) -> int:
    options = parse(RUN, argv)
    identifier = _create(api, options, RUN)
    condition = "removed" if options["rm"] else "next-exit"
    if options["detach"]:
        sys.stdout.write(f"{identifier}\n")
        sys.stdout.flush()
        api.post(f"/containers/{identifier}/start")
        return 0
    return _attached(api, options, identifier, condition)


def _attached(api: Client, options: Options, identifier: str, condition: str) -> int:
    path = f"/containers/{identifier}"
    tty, stdin = bool(options["tty"]), bool(options["interactive"])
    streams = [name.lower() for name in options["attach"]] or ["stdout", "stderr", *(["stdin"] if stdin else [])]
    if tty and "stdin" in streams and not os.isatty(0):
        raise client.Refused("the input device is not a TTY")
    attached = api.hijack(
        f"{path}/attach", stream=True, stdin="stdin" in streams, stdout="stdout" in streams,
        stderr="stderr" in streams, detachKeys=options["detach-keys"],
    )  # fmt: skip
    waiting = api.open("POST", f"{path}/wait", condition=condition)
    api.post(f"{path}/start")

    def resize() -> None:
        rows, columns = terminal.size()
        if rows or columns:
            _quietly(api, f"{path}/resize", h=rows, w=columns)

    def forward(name: str) -> None:
        _quietly(api, f"{path}/kill", signal=name)

    if tty:
        resize()
    session = terminal.Session(
        attached, tty=tty, stdin="stdin" in streams, detach_keys=options["detach-keys"],
        on_signal=forward if options["sig-proxy"] else None, on_resize=resize if tty else None,
    )  # fmt: skip
    try:
        session.run()
    except terminal.Detached:
        return 0
    return exit_code(waiting)


def exit_code(waiting: client.Response) -> int:
    """What `wait` answered, as the exit code of this process."""
    from fairlead.cli import jsontext

    answer = jsontext.loads(waiting.read())
    if answer.get("Error") and answer["Error"].get("Message"):
        sys.stderr.write(f"fairlead: {answer['Error']['Message']}\n")
        return 125
    return int(answer["StatusCode"])


def _quietly(api: Client, path: str, **query: Any) -> None:
    """The container may have ended meanwhile."""
    try:
        api.post(path, **query)
    except client.ApiError:
        return


def _create(api: Client, options: Options, verb: Verb) -> str:
    try:
        body = container_options.body(options)
    except UsageError as error:
        raise UsageError(verb, str(error), error.code) from None
    cidfile = options["cidfile"]
    if cidfile and os.path.lexists(cidfile):
        raise client.Refused(
            f"container ID file found, make sure the other container isn't running or delete {cidfile}", code=125
        )
    if options["pull"] == "always":
        _pull(api, body["Image"], quiet=options["quiet"])
    try:
        answer = _ask(api, options, body)
    except client.ApiError as error:
        if error.status != 404 or options["pull"] == "never":
            raise
        if not options["quiet"]:
            sys.stderr.write(f"Unable to find image '{_tagged(body['Image'])}' locally\n")
            sys.stderr.flush()
        _pull(api, body["Image"], quiet=options["quiet"], out=sys.stderr)
        answer = _ask(api, options, body)
    for warning in answer.get("Warnings") or ():
        sys.stderr.write(f"WARNING: {warning}\n")
    if cidfile:
        with open(cidfile, "x", encoding="utf-8") as file:
            file.write(answer["Id"])
    return str(answer["Id"])


def _ask(api: Client, options: Options, body: dict[str, Any]) -> Any:
    return api.post("/containers/create", body, name=options["name"], platform=options["platform"])


def _tagged(image: str) -> str:
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def _pull(api: Client, image: str, *, quiet: bool, out: Any = None) -> None:
    from fairlead.cli import progress

    name, _, tag = _tagged(image).rpartition("@" if "@" in image else ":")
    chunks = api.stream("POST", "/images/create", fromImage=name, tag=tag)
    target = out or sys.stdout
    try:
        if quiet:
            with open(os.devnull, "w", encoding="utf-8") as target:
                progress.show(api.messages(chunks), target, terminal=False)
        else:
            progress.show(api.messages(chunks), target, terminal=target.isatty())
    except progress.ProgressError as error:
        raise client.Refused(str(error)) from error
