"""`run`, `create`: from flags to a container, its output and its exit code.

`posix` instead of `os`, here and in what every client runs through: that import would be a tenth of its time.
"""

from __future__ import annotations

import posix
import sys

from fairlead.cli import client
from fairlead.cli.commands import creation
from fairlead.cli.commands.options import FLAGS
from fairlead.cli.flags import Options, Verb, boolean, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

RUN = Verb(
    "run [OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", (1, None),
    boolean("detach", "d", help="Run container in background and print container ID"),
    text("detach-keys", help="Override the key sequence for detaching a container"),
    boolean("sig-proxy", default=True, help="Proxy received signals to the process"),
    *FLAGS, interspersed=False,
)  # fmt: skip
CREATE = Verb(
    "create [OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", (1, None), *FLAGS, interspersed=False
)
_PULLS = ("always", "missing", "never", "")


def create(api: Client, argv: list[str]) -> int:
    options = parse(CREATE, argv)
    _check_pull(options)
    sys.stdout.write(f"{_create(api, options, creation.body(options, detached=False))}\n")
    return 0


def run(api: Client, argv: list[str]) -> int:
    options = parse(RUN, argv)
    _check_pull(options)
    detached = options["detach"]
    body = creation.body(options, detached=detached)
    if detached and options["attach"]:
        raise client.Refused("conflicting options: cannot specify both --attach and --detach", bare=True)
    if options["tty"]:
        _prepare_terminal(body)
    identifier = _create(api, options, body)
    if detached:
        sys.stdout.write(f"{identifier}\n")
        sys.stdout.flush()
        api.post(f"/containers/{identifier}/start")
        return 0
    return _attached(api, options, body, identifier)


def _prepare_terminal(body: dict[str, Any]) -> None:
    from fairlead.cli import terminal

    if body["AttachStdin"] and not posix.isatty(0):
        raise client.Refused("the input device is not a TTY", bare=True)
    size = terminal.size()
    if any(size):
        body["HostConfig"]["ConsoleSize"] = list(size)


def _attached(api: Client, options: Options, body: dict[str, Any], identifier: str) -> int:
    from fairlead.cli.attachment import Attachment

    names = tuple(name for name in ("stdin", "stdout", "stderr") if body[f"Attach{name.capitalize()}"])
    attachment = Attachment(
        api, identifier, tty=options["tty"], names=names, detach_keys=options["detach-keys"],
        condition="removed" if options["rm"] else "next-exit",
    )  # fmt: skip
    if options["sig-proxy"]:
        attachment.forward_signals()
    try:
        api.post(f"/containers/{identifier}/start")
    except client.ApiError:
        if options["rm"]:
            attachment.result()  # the daemon removes what did not start; only then is its name free
        raise
    if not options["tty"]:
        return attachment.run()
    from fairlead.cli import terminal

    attachment.follow_window()
    try:
        return attachment.run()
    except terminal.Detached:
        return 0


def _check_pull(options: Options) -> None:
    if options["pull"] not in _PULLS:
        raise client.Misuse(
            f"invalid pull option: '{options['pull']}': must be one of \"always\", \"missing\" or \"never\""
        )


def _create(api: Client, options: Options, body: dict[str, Any]) -> str:
    """The new container's id; its image is asked for where it is missing."""
    from fairlead.cli import reference

    image = body["Image"]
    cidfile = options["cidfile"]
    if cidfile and _exists(cidfile):
        raise client.Refused(
            f"container ID file found, make sure the other container isn't running or delete {cidfile}"
        )
    try:
        reference.check(image)
    except ValueError as error:
        raise client.Refused(str(error)) from None
    config = b""
    if options["use-api-socket"]:
        from fairlead.cli.commands import apisocket

        config = apisocket.prepare(api, body)
    if options["pull"] == "always":
        _pull(api, image, options, out=sys.stderr)
    try:
        answer = _ask(api, options, body)
    except client.ApiError as error:
        if error.status != 404 or options["pull"] not in ("missing", ""):
            raise
        if not options["quiet"]:
            sys.stderr.write(f"Unable to find image '{reference.tagged(image)}' locally\n")
            sys.stderr.flush()
        _pull(api, image, options, out=sys.stderr)
        answer = _ask(api, options, body)
    for warning in answer.get("Warnings") or ():
        sys.stderr.write(f"WARNING: {warning}\n")
    if config:
        apisocket.put(api, answer["Id"], config)
    if cidfile:
        with open(cidfile, "x", encoding="utf-8") as file:
            file.write(answer["Id"])
    return str(answer["Id"])


def _exists(path: str) -> bool:
    try:
        posix.lstat(path)
    except OSError:
        return False
    return True


def _ask(api: Client, options: Options, body: dict[str, Any]) -> Any:
    return api.post("/containers/create", body, name=options["name"], platform=options["platform"])


def _pull(api: Client, image: str, options: Options, *, out: Any) -> None:
    from fairlead.cli.commands import registry

    registry.fetch(api, image, platform=options["platform"], quiet=options["quiet"], out=out)
