"""Streams of containers: logs, exec, attach, start -a."""

from __future__ import annotations

import posix
import sys

from fairlead.cli import client, streams, userconfig
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

_KEYS = text("detach-keys", help="Override the key sequence for detaching a container")
LOGS = Verb(
    "logs [OPTIONS] CONTAINER", "Fetch the logs of a container", (1, 1),
    boolean("details", help="Show extra details provided to logs"), boolean("follow", "f", help="Follow log output"),
    text("since",
         help='Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    text("tail", "n", default="all", help="Number of lines to show from the end of the logs"),
    boolean("timestamps", "t", help="Show timestamps"),
    text("until",
         help='Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
)  # fmt: skip
EXEC = Verb(
    "exec [OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", (2, None),
    boolean("detach", "d", help="Detached mode: run command in the background"), _KEYS,
    items("env", "e", check="environment", help="Set environment variables"),
    items("env-file", help="Read in a file of environment variables"),
    boolean("interactive", "i", help="Keep STDIN open even if not attached"),
    boolean("privileged", help="Give extended privileges to the command"),
    boolean("tty", "t", help="Allocate a pseudo-TTY"),
    text("user", "u", help='Username or UID (format: "<name|uid>[:<group|gid>]")'),
    text("workdir", "w", help="Working directory inside the container"), interspersed=False,
)  # fmt: skip
ATTACH = Verb(
    "attach [OPTIONS] CONTAINER", "Attach local standard input, output, and error streams to a running container",
    (1, 1), _KEYS, boolean("no-stdin", help="Do not attach STDIN"),
    boolean("sig-proxy", default=True, help="Proxy all received signals to the process"),
)  # fmt: skip


def logs(api: Client, argv: list[str]) -> int:
    options = parse(LOGS, argv)
    facts = api.get(f"/containers/{options.args[0]}/json")
    chunks = api.stream(
        "GET", f"/containers/{facts['Id']}/logs", stdout=True, stderr=True, follow=options["follow"],
        timestamps=options["timestamps"], tail=options["tail"], since=client.moment(options["since"], "since"),
        until=client.moment(options["until"], "until"), details=options["details"],
    )  # fmt: skip
    output = streams.Output(raw=facts["Config"]["Tty"])
    for chunk in chunks:
        output.feed(chunk)
    return 0


def execute(api: Client, argv: list[str]) -> int:
    options = parse(EXEC, argv)
    tty, stdin, detached = options["tty"], options["interactive"], options["detach"]
    keys = userconfig.detach_keys(options["detach-keys"]) if tty else options["detach-keys"]
    body: dict[str, Any] = {
        "AttachStdin": stdin and not detached, "AttachStdout": not detached, "AttachStderr": not detached, "Tty": tty,
        "Cmd": options.args[1:], "User": options["user"], "WorkingDir": options["workdir"],
        "Privileged": options["privileged"], "DetachKeys": keys,
    }  # fmt: skip
    if options["env"] or options["env-file"]:
        from fairlead.cli.commands import creation

        try:
            body["Env"] = creation.environment(options)
        except client.Misuse as error:
            raise client.Refused(str(error)) from None
    begin: dict[str, Any] = {"Detach": detached, "Tty": tty}
    if tty:
        _give_size(body, begin, stdin=stdin and not detached)
    identifier = api.post(f"/containers/{options.args[0]}/exec", body)["Id"]
    path = f"/exec/{identifier}"
    if detached:
        api.post(f"{path}/start", begin)
        return 0
    from fairlead.cli import attachment

    response = api.open("POST", f"{path}/start", begin, upgrade=True)
    if tty:
        attachment.follow_window(api, f"{path}/resize")
    _until_detached(lambda: attachment.join(response, tty=tty, stdin=stdin, detach_keys=keys), tty=tty)
    return int(api.get(f"{path}/json")["ExitCode"] or 0)


def _give_size(body: dict[str, Any], begin: dict[str, Any], *, stdin: bool) -> None:
    from fairlead.cli import terminal

    if stdin and not posix.isatty(0):
        raise client.Refused("the input device is not a TTY")
    size = list(terminal.size())
    if any(size):
        body["ConsoleSize"] = begin["ConsoleSize"] = size


def _until_detached(act: Any, *, tty: bool) -> Any:
    if not tty:
        return act()
    from fairlead.cli import terminal

    try:
        return act()
    except terminal.Detached:
        raise client.Refused("read escape sequence") from None


def attach(api: Client, argv: list[str]) -> int:
    options = parse(ATTACH, argv)
    facts = api.get(f"/containers/{options.args[0]}/json")
    state = facts["State"]
    if not state["Running"]:
        raise client.Refused("You cannot attach to a stopped container, start it first")
    if state["Paused"]:
        raise client.Refused("You cannot attach to a paused container, unpause it first")
    if state["Restarting"]:
        raise client.Refused("You cannot attach to a restarting container, wait until it is running")
    stdin = facts["Config"]["OpenStdin"] and not options["no-stdin"]
    return _attached(
        api, facts, stdin=stdin, keys=options["detach-keys"], forward=options["sig-proxy"], condition="", start=False
    )


def start_attached(api: Client, name: str, *, attached: bool, stdin: bool, detach_keys: str) -> int:
    """`start -a`, `start -i`."""
    facts = api.get(f"/containers/{name}/json")
    return _attached(
        api, facts, stdin=stdin and facts["Config"]["OpenStdin"], keys=detach_keys,
        forward=attached and not facts["Config"]["Tty"],
        condition="removed" if facts["HostConfig"]["AutoRemove"] else "next-exit", start=True,
    )  # fmt: skip


def _attached(
    api: Client, facts: dict[str, Any], *, stdin: bool, keys: str, forward: bool, condition: str, start: bool
) -> int:
    from fairlead.cli.attachment import Attachment

    tty = facts["Config"]["Tty"]
    keys = userconfig.detach_keys(keys) if tty else keys
    if stdin and tty and not posix.isatty(0):
        raise client.Refused("the input device is not a TTY")
    names = ("stdin", "stdout", "stderr") if stdin else ("stdout", "stderr")
    attachment = Attachment(api, facts["Id"], tty=tty, names=names, detach_keys=keys, condition=condition)
    if forward:
        attachment.forward_signals()
    if start:
        try:
            api.post(f"/containers/{facts['Id']}/start")
        except client.ApiError as error:
            sys.stderr.write(f"Error response from daemon: {error}\n")
            return 1
    if tty:
        attachment.follow_window()
    code: int = _until_detached(attachment.run, tty=tty)
    return code
