"""The command line: finds the verb, imports its module alone, turns errors into docker's texts and exit codes."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "fairlead"
_GLOBAL = "host,H:list version,v debug,D log-level,l:str config:str context,c:str tls help"

# verb → module of cli/commands and function; the noun forms (`container ls`) lead to the same.
VERBS = {
    "run": "run:run", "create": "run:create", "start": "life:start", "stop": "life:stop", "restart": "life:restart",
    "kill": "life:kill", "pause": "life:pause", "unpause": "life:unpause", "rm": "life:rm", "rename": "life:rename",
    "wait": "life:wait", "ps": "look:ps", "inspect": "look:inspect", "port": "look:port", "top": "look:top",
    "logs": "stream:logs", "exec": "stream:exec_", "attach": "stream:attach", "diff": "look:diff",
    "images": "image:images", "build": "image:build", "load": "image:load", "save": "image:save",
    "import": "image:import_", "tag": "image:tag", "rmi": "image:rmi", "history": "image:history",
    "pull": "image:pull", "version": "system:version", "info": "system:info", "events": "system:events",
}  # fmt: skip
NOUNS = {
    "container": {
        "ls": "look:ps", "list": "look:ps", "ps": "look:ps", "inspect": "look:inspect_container",
        "prune": "life:prune", **{verb: VERBS[verb] for verb in (
            "run", "create", "start", "stop", "restart", "kill", "pause", "unpause", "rm", "rename", "wait", "port",
            "top", "logs", "exec", "attach", "diff")},
    },
    "image": {
        "ls": "image:images", "list": "image:images", "rm": "image:rmi", "inspect": "image:inspect",
        "bootstrap": "image:bootstrap", "prune": "image:prune",
        **{verb: VERBS[verb] for verb in ("build", "load", "save", "import", "tag", "history", "pull")},
    },
    "network": {"ls": "network:ls", "list": "network:ls", "create": "network:create", "rm": "network:rm",
                "inspect": "network:inspect", "connect": "network:connect", "disconnect": "network:disconnect",
                "prune": "network:prune"},
    "volume": {"ls": "volume:ls", "list": "volume:ls", "create": "volume:create", "rm": "volume:rm",
               "inspect": "volume:inspect", "prune": "volume:prune"},
    "system": {"info": "system:info", "events": "system:events", "df": "system:df", "prune": "system:prune"},
    "link": {"ls": "look:links", "list": "look:links"},
}  # fmt: skip


class Exit(Exception):
    """Ends the command with this code; what there was to say has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """What a command gets: the daemon's client, its own words."""

    def __init__(self, host: str, verb: str, argv: list[str]) -> None:
        from fairlead.cli import autostart

        start = autostart.begin if host == client.DEFAULT_HOST and os.geteuid() == 0 else None
        self.client = client.Client(host, start=start)
        self.verb = verb
        self.argv = argv

    def parse(
        self, declared: str, *, least: int = 0, most: int | None = None, interspersed: bool = True
    ) -> flags.Given:
        """The command's flags and arguments, counted as docker counts them."""
        given = flags.parse(declared, self.argv, interspersed=interspersed)
        count = len(given.args)
        if count < least or (most is not None and count > most):
            raise flags.UsageError(self._count_message(least, most), 1)
        return given

    def _count_message(self, least: int, most: int | None) -> str:
        name = f'"{PROGRAM} {self.verb}"'
        plural = "" if (least == 1 if most is None or most == least else most == 1) else "s"
        if most == 0:
            return f"{name} accepts no arguments"
        if most is None:
            return f"{name} requires at least {least} argument{plural}"
        if least == most:
            return f"{name} requires {least} argument{plural}"
        return f"{name} requires at least {least} and at most {most} arguments"


def main(argv: list[str]) -> int:
    """The exit code."""
    try:
        given = flags.parse(_GLOBAL, argv, interspersed=False)
    except flags.Help:
        return _help()
    except flags.UsageError as error:
        return _fail(f"{error}\n\nRun '{PROGRAM} --help' for more information", error.code)
    if given["version"]:
        from fairlead import __version__

        sys.stdout.write(f"Fairlead version {__version__}\n")
        return 0
    if not given.args:
        return _help()
    target, verb, rest = _find(given.args)
    if target is None:
        return verb_unknown(given.args)
    host = client.host_from(os.environ, given["host"][-1] if given["host"] else "")
    return _run(target, Session(host, verb, rest))


def _find(args: list[str]) -> tuple[str | None, str, list[str]]:
    noun = NOUNS.get(args[0])
    if noun is not None:
        if len(args) > 1 and args[1] in noun:
            return noun[args[1]], f"{args[0]} {args[1]}", args[2:]
        return None, "", []
    return VERBS.get(args[0]), args[0], args[1:]


def verb_unknown(args: list[str]) -> int:
    if args[0] in NOUNS:
        from fairlead.cli import usage

        return usage.noun(args)
    if args[0] == "help":
        return _help()
    return _fail(f"{PROGRAM}: unknown command: {PROGRAM} {args[0]}\n\nRun '{PROGRAM} --help' for more information", 1)


def _load(target: str) -> Callable[[Session], int | None]:
    name, _, function = target.partition(":")
    module = __import__(f"fairlead.cli.commands.{name}", fromlist=[function])
    found: Callable[[Session], int | None] = getattr(module, function)
    return found


def _run(target: str, session: Session) -> int:
    create = session.verb.split()[-1] in ("run", "create")
    prefix = f"{PROGRAM}: " if session.verb.split()[-1] == "run" else ""
    hint = f"\n\nRun '{PROGRAM} {session.verb} --help' for more information"
    try:
        return _load(target)(session) or 0
    except flags.Help:
        from fairlead.cli import usage

        return usage.verb(session.verb)
    except flags.UsageError as error:
        return _fail(f"{PROGRAM}: {error}{hint}" if error.code == 1 or prefix else f"{error}{hint}", error.code)
    except client.ApiError as error:
        text = f"{prefix}Error response from daemon: {error}"
        return _fail(text + (hint if prefix else ""), 125 if prefix else 1)
    except client.NoDaemon as error:
        return _fail(f"{prefix}{error}", 125 if create else 1)
    except Exit as error:
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _help() -> int:
    from fairlead.cli import usage

    return usage.overview()


def _fail(text: str, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    return code
