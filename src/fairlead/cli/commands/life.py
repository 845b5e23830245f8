"""The life of containers: start, stop, restart, kill, pause, unpause, rm, rename, wait, prune."""

from __future__ import annotations

import sys

from fairlead.cli import client
from fairlead.cli.flags import Verb, boolean, items, number, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.cli.client import Client

_MANY = "[OPTIONS] CONTAINER [CONTAINER...]"
_SIGNAL = text("signal", "s", help="Signal to send to the container")
_TIME = (
    number("timeout", "t", help="Seconds to wait before killing the container"),
    number("time", hidden=True, target="timeout"),
)
START = Verb(
    f"start {_MANY}", "Start one or more stopped containers", (1, None),
    boolean("attach", "a", help="Attach STDOUT/STDERR and forward signals"),
    text("checkpoint", help="Restore from this checkpoint", hidden=True),
    text("checkpoint-dir", help="Use a custom checkpoint storage directory", hidden=True),
    boolean("interactive", "i", help="Attach container's STDIN"),
    text("detach-keys", help="Override the key sequence for detaching a container"),
)  # fmt: skip
STOP = Verb(f"stop {_MANY}", "Stop one or more running containers", (1, None), _SIGNAL, *_TIME)
RESTART = Verb(f"restart {_MANY}", "Restart one or more containers", (1, None), _SIGNAL, *_TIME)
KILL = Verb(f"kill {_MANY}", "Kill one or more running containers", (1, None), _SIGNAL)
PAUSE = Verb("pause CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", (1, None))
UNPAUSE = Verb("unpause CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", (1, None))
REMOVE = Verb(
    f"rm {_MANY}", "Remove one or more containers", (1, None),
    boolean("force", "f", help="Force the removal of a running container (uses SIGKILL)"),
    boolean("link", "l", help="Remove the specified link"),
    boolean("volumes", "v", help="Remove anonymous volumes associated with the container"),
)  # fmt: skip
UNLINK = Verb(
    "link rm RECIPIENT/ALIAS [RECIPIENT/ALIAS...]", "Remove links; what goes on over them ends (also rm --link)",
    (1, None),
)  # fmt: skip
RENAME = Verb("rename CONTAINER NEW_NAME", "Rename a container", (2, 2))
WAIT = Verb(
    "wait CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes", (1, None)
)
PRUNE = Verb(
    "container prune [OPTIONS]", "Remove all stopped containers", (0, 0),
    boolean("force", "f", help="Do not prompt for confirmation"),
    items("filter", word="filter", check="condition", help='Provide filter values (e.g. "until=<timestamp>")'),
)  # fmt: skip


def _each(names: list[str], act: Callable[[str], object], *, show: bool = True) -> int:
    """Does it for every name, going on after errors; prints the names that worked."""
    failed = False
    for name in names:
        try:
            act(name)
        except client.ApiError as error:
            failed = True
            sys.stdout.flush()
            sys.stderr.write(f"Error response from daemon: {error}\n")
        else:
            if show:
                sys.stdout.write(f"{name}\n")
                sys.stdout.flush()
    return 1 if failed else 0


def start(api: Client, argv: list[str]) -> int:
    options = parse(START, argv)
    for flag in ("checkpoint", "checkpoint-dir"):
        if options.given(flag):
            raise client.Refused(f'"--{flag}" is only supported on a Docker daemon with experimental features enabled')
    if options["attach"] or options["interactive"]:
        from fairlead.cli.commands import stream

        if len(options.args) > 1:
            raise client.Refused("you cannot start and attach multiple containers at once")
        return stream.start_attached(
            api, options.args[0], attached=options["attach"], stdin=options["interactive"],
            detach_keys=options["detach-keys"],
        )  # fmt: skip
    failed = []
    for name in options.args:
        try:
            api.post(f"/containers/{name}/start")
        except (client.ApiError, client.NoDaemon) as error:
            failed.append(name)
            sys.stdout.flush()
            sys.stderr.write(f"{'Error response from daemon: ' if isinstance(error, client.ApiError) else ''}{error}\n")
        else:
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
    if failed:
        sys.stderr.write(f"Error: failed to start containers: {', '.join(failed)}\n")
    return 1 if failed else 0


def _end(api: Client, verb: Verb, argv: list[str], action: str) -> int:
    options = parse(verb, argv)
    query = {"t": str(options["timeout"]) if options.given("timeout") else "", "signal": options["signal"]}
    if action == "restart":
        return _each(options.args, lambda ref: api.post(f"/containers/{ref}/restart", **query))
    # All are told before any is waited for: ten containers take as long as the slowest.
    told = {ref: api.begin("POST", f"/containers/{ref}/stop", **query) for ref in options.args}
    return _each(options.args, lambda ref: told[ref].answer().close())


def stop(api: Client, argv: list[str]) -> int:
    return _end(api, STOP, argv, "stop")


def restart(api: Client, argv: list[str]) -> int:
    return _end(api, RESTART, argv, "restart")


def kill(api: Client, argv: list[str]) -> int:
    options = parse(KILL, argv)
    return _each(options.args, lambda ref: api.post(f"/containers/{ref}/kill", signal=options["signal"]))


def pause(api: Client, argv: list[str]) -> int:
    return _each(parse(PAUSE, argv).args, lambda ref: api.post(f"/containers/{ref}/pause"))


def unpause(api: Client, argv: list[str]) -> int:
    return _each(parse(UNPAUSE, argv).args, lambda ref: api.post(f"/containers/{ref}/unpause"))


def remove(api: Client, argv: list[str]) -> int:
    options = parse(REMOVE, argv)
    failed = False
    for ref in options.args:
        name = ref.strip("/ ")
        if not name:
            raise client.Refused("container name cannot be empty")
        try:
            api.delete(f"/containers/{name}", force=options["force"], v=options["volumes"], link=options["link"])
        except client.ApiError as error:
            # With --force, what is not there needs no removal: said, but no failure.
            failed = failed or not (options["force"] and error.status == 404)
            sys.stdout.flush()
            sys.stderr.write(f"Error response from daemon: {error}\n")
        else:
            sys.stdout.write(f"{ref}\n")
            sys.stdout.flush()
    return 1 if failed else 0


def unlink(api: Client, argv: list[str]) -> int:
    def one(link: str) -> None:
        api.delete(f"/containers/{link.strip('/')}", link=True)

    return _each(parse(UNLINK, argv).args, one)


def rename(api: Client, argv: list[str]) -> int:
    old, new = (name.strip() for name in parse(RENAME, argv).args)
    if not old or not new:
        raise client.Refused("Error: Neither old nor new names may be empty")
    try:
        api.post(f"/containers/{old.strip('/')}/rename", name=new)
    except (client.ApiError, client.NoDaemon) as error:
        prefix = "Error response from daemon: " if isinstance(error, client.ApiError) else ""
        sys.stderr.write(f"{prefix}{error}\nError: failed to rename container named {old}\n")
        return 1
    return 0


def wait(api: Client, argv: list[str]) -> int:
    def one(ref: str) -> None:
        sys.stdout.write(f"{api.post(f'/containers/{ref}/wait')['StatusCode']}\n")
        sys.stdout.flush()

    return _each(parse(WAIT, argv).args, one, show=False)


def prune(api: Client, argv: list[str]) -> int:
    from fairlead.cli.commands import prune as prunes

    options = parse(PRUNE, argv)
    if not options["force"] and not prunes.confirm("WARNING! This will remove all stopped containers."):
        return 0
    size = prunes.containers(api, client.filters(options["filter"]))
    sys.stdout.write(prunes.reclaimed(size))
    return 0
