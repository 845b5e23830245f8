"""`run`, `create`: from flags to a container, its output and its exit code.

`posix` instead of `os`, here and in what every client runs through: that import would be a tenth of its time.
"""

from __future__ import annotations

import posix
import sys

from fairlead.cli import client, userconfig
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
    keys = options["detach-keys"]
    attachment = Attachment(
        api, identifier, tty=options["tty"], names=names,
        detach_keys=userconfig.detach_keys(keys) if options["tty"] else keys,
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
    """The new container's id, also in the file that is asked for: made before the container, gone if there is none."""
    path = options["cidfile"]
    if not path:
        return _made(api, options, body)
    if _exists(path):
        raise client.Refused(f"container ID file found, make sure the other container isn't running or delete {path}")
    try:
        file = open(path, "x", encoding="utf-8")  # noqa: SIM115  closed below, where its own errors are the file's alone
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise client.Refused(f"failed to create the container ID file: open {path}: {why}") from None
    with file:
        try:
            identifier = _made(api, options, body)
        except BaseException:
            posix.unlink(path)
            raise
        file.write(identifier)
    return identifier


def _made(api: Client, options: Options, body: dict[str, Any]) -> str:
    """Its image is asked for where it is missing."""
    from fairlead.cli import reference

    image = body["Image"]
    if options["platform"]:
        from fairlead.cli import platforms

        platforms.check(options["platform"], "error parsing specified platform")
    try:
        reference.check(image)
    except ValueError as error:
        raise client.Refused(str(error)) from None
    _add_proxies(api, body)
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
    return str(answer["Id"])


def _add_proxies(api: Client, body: dict[str, Any]) -> None:
    given = [entry.partition("=")[0] for entry in body.get("Env") or ()]
    found = userconfig.proxies(api.host, given)
    if found:
        body["Env"] = [*(body.get("Env") or ()), *(f"{name}={value}" for name, value in found.items())]


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
