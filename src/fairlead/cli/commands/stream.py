"""Streams of containers: logs, exec, attach, start -a."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, terminal
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

_KEYS = text("detach-keys", help="Override the key sequence for detaching a container")
LOGS = Verb(
    "logs [OPTIONS] CONTAINER", "Fetch the logs of a container", (1, 1),
    boolean("details", help="Show extra details provided to logs"), boolean("follow", "f", help="Follow log output"),
    text("since", help='Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")'),
    text("tail", "n", default="all", help="Number of lines to show from the end of the logs"),
    boolean("timestamps", "t", help="Show timestamps"),
    text("until", help="Show logs before a timestamp or relative"),
)  # fmt: skip
EXEC = Verb(
    "exec [OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", (2, None),
    boolean("detach", "d", help="Detached mode: run command in the background"), _KEYS,
    items("env", "e", help="Set environment variables"), items("env-file", help="Read in a file of variables"),
    boolean("interactive", "i", help="Keep STDIN open even if not attached"),
    boolean("privileged", help="Give extended privileges to the command"),
    boolean("tty", "t", help="Allocate a pseudo-TTY"), text("user", "u", help="Username or UID"),
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
    response = api.open(
        "GET", f"/containers/{facts['Id']}/logs", stdout=True, stderr=True, follow=options["follow"],
        timestamps=options["timestamps"], tail=options["tail"], since=client.moment(options["since"]),
        until=client.moment(options["until"]), details=options["details"],
    )  # fmt: skip
    rest = b""
    for chunk in response.chunks():
        if facts["Config"]["Tty"]:
            _write(1, chunk)
            continue
        rest += chunk
        while len(rest) >= 8 and len(rest) >= (end := 8 + int.from_bytes(rest[4:8], "big")):
            _write(2 if rest[0] == 2 else 1, rest[8:end])
            rest = rest[end:]
    return 0


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def execute(api: Client, argv: list[str]) -> int:
    from fairlead.cli.commands.options import environment

    options = parse(EXEC, argv)
    tty, stdin, detached = options["tty"], options["interactive"], options["detach"]
    if tty and stdin and not detached and not os.isatty(0):
        raise client.Refused("the input device is not a TTY")
    size = list(terminal.size())
    body = {
        "AttachStdin": stdin and not detached, "AttachStdout": not detached, "AttachStderr": not detached, "Tty": tty,
        "Cmd": options.args[1:], "Env": environment(options["env-file"], options["env"]), "User": options["user"],
        "WorkingDir": options["workdir"], "Privileged": options["privileged"], "DetachKeys": options["detach-keys"],
        "Detach": detached,
    }  # fmt: skip
    if tty and any(size):
        body["ConsoleSize"] = size
    identifier = api.post(f"/containers/{options.args[0]}/exec", body)["Id"]
    begin: dict[str, Any] = {"Detach": detached, "Tty": tty}
    if tty and any(size):
        begin["ConsoleSize"] = size
    if detached:
        api.post(f"/exec/{identifier}/start", begin)
        return 0
    response = api.hijack(f"/exec/{identifier}/start", begin)

    def resize() -> None:
        _resize(api, f"/exec/{identifier}/resize")

    session = terminal.Session(
        response, tty=tty, stdin=stdin, detach_keys=options["detach-keys"], on_resize=resize if tty else None
    )
    try:
        session.run()
    except terminal.Detached:
        return 0
    return int(api.get(f"/exec/{identifier}/json")["ExitCode"] or 0)


def _resize(api: Client, path: str) -> None:
    rows, columns = terminal.size()
    try:
        if rows or columns:
            api.post(path, h=rows, w=columns)
    except client.ApiError:
        return


def attach(api: Client, argv: list[str]) -> int:
    options = parse(ATTACH, argv)
    name = options.args[0]
    facts = api.get(f"/containers/{name}/json")
    state = facts["State"]
    if not state["Running"]:
        raise client.Refused("cannot attach to a stopped container, start it first")
    if state["Paused"]:
        raise client.Refused("cannot attach to a paused container, unpause it first")
    waiting = api.open("POST", f"/containers/{name}/wait")
    stdin = facts["Config"]["OpenStdin"] and not options["no-stdin"]
    return _joined(
        api, facts, waiting, stdin=stdin, detach_keys=options["detach-keys"], forward=options["sig-proxy"], start=False
    )


def start_attached(api: Client, name: str, *, stdin: bool, detach_keys: str) -> int:
    """`start -a`, `start -i`."""
    facts = api.get(f"/containers/{name}/json")
    condition = "removed" if facts["HostConfig"]["AutoRemove"] else "next-exit"
    waiting = api.open("POST", f"/containers/{name}/wait", condition=condition)
    stdin = stdin and facts["Config"]["OpenStdin"]
    return _joined(
        api, facts, waiting, stdin=stdin, detach_keys=detach_keys, forward=not facts["Config"]["Tty"], start=True
    )


def _joined(
    api: Client, facts: dict[str, Any], waiting: client.Response, *, stdin: bool, detach_keys: str, forward: bool,
    start: bool,
) -> int:  # fmt: skip
    from fairlead.cli.commands import run

    path = f"/containers/{facts['Id']}"
    tty = facts["Config"]["Tty"]
    response = api.hijack(f"{path}/attach", stream=True, stdin=stdin, stdout=True, stderr=True, detachKeys=detach_keys)
    if start:
        api.post(f"{path}/start")

    def signalled(name: str) -> None:
        try:
            api.post(f"{path}/kill", signal=name)
        except client.ApiError:
            return

    def resize() -> None:
        _resize(api, f"{path}/resize")

    if tty:
        resize()
    session = terminal.Session(
        response, tty=tty, stdin=stdin, detach_keys=detach_keys, on_signal=signalled if forward else None,
        on_resize=resize if tty else None,
    )  # fmt: skip
    try:
        session.run()
    except terminal.Detached:
        sys.stderr.write("read escape sequence\n")
        return 1
    return run.exit_code(waiting)
