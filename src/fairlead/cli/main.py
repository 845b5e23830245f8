"""The command line: finds the verb, imports its module alone, turns errors into docker's texts and exit codes."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "fairlead"
_GLOBAL = flags.Verb(
    "fairlead [OPTIONS] COMMAND", "", (0, None),
    flags.items("host", "H"), flags.boolean("version", "v"), flags.boolean("debug", "D"), flags.text("log-level", "l"),
    flags.text("config"), flags.text("context", "c"), interspersed=False,
)  # fmt: skip

# verb → module of cli/commands and function; the noun forms (`container ls`) lead to the same.
VERBS = {
    "run": "run:run", "create": "run:create", "start": "life:start", "stop": "life:stop", "restart": "life:restart",
    "kill": "life:kill", "pause": "life:pause", "unpause": "life:unpause", "rm": "life:remove",
    "rename": "life:rename", "wait": "life:wait", "ps": "look:list_containers", "inspect": "look:inspect",
    "port": "look:port", "top": "look:top", "diff": "look:diff", "logs": "stream:logs", "exec": "stream:execute",
    "attach": "stream:attach", "images": "image:list_images", "build": "build:build", "load": "image:load",
    "save": "image:save", "import": "image:import_image", "tag": "image:tag", "rmi": "image:remove",
    "history": "image:history", "pull": "run:pull", "version": "system:version", "info": "system:info",
    "events": "system:events",
}  # fmt: skip
NOUNS = {
    "container": {
        "ls": "look:list_containers", "list": "look:list_containers", "ps": "look:list_containers",
        "inspect": "look:inspect_containers", "prune": "life:prune",
        **{verb: VERBS[verb] for verb in (
            "run", "create", "start", "stop", "restart", "kill", "pause", "unpause", "rm", "rename", "wait", "port",
            "top", "logs", "exec", "attach", "diff")},
    },
    "image": {
        "ls": "image:list_images", "list": "image:list_images", "rm": "image:remove", "inspect": "image:inspect",
        "bootstrap": "image:bootstrap", "prune": "image:prune",
        **{verb: VERBS[verb] for verb in ("build", "load", "save", "import", "tag", "history", "pull")},
    },
    "network": {"ls": "network:list_networks", "list": "network:list_networks", "create": "network:create",
                "rm": "network:remove", "inspect": "network:inspect", "connect": "network:connect",
                "disconnect": "network:disconnect", "prune": "network:prune"},
    "volume": {"ls": "volume:list_volumes", "list": "volume:list_volumes", "create": "volume:create",
               "rm": "volume:remove", "inspect": "volume:inspect", "prune": "volume:prune"},
    "system": {"info": "system:info", "events": "system:events", "df": "system:df", "prune": "system:prune"},
    "link": {"ls": "look:list_links", "list": "look:list_links"},
}  # fmt: skip


class Exit(Exception):
    """Ends the command with this code; what there was to say has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main(argv: list[str]) -> int:
    """The exit code."""
    try:
        options = flags.parse(_GLOBAL, argv)
    except flags.Help:
        return _overview()
    except flags.UsageError as error:
        return _fail(f"{error}\n\nRun '{PROGRAM} --help' for more information", error.code)
    if options["version"]:
        from fairlead import __version__

        sys.stdout.write(f"Fairlead version {__version__}\n")
        return 0
    if not options.args or options.args == ["help"]:
        return _overview()
    target, verb, rest = _find(options.args)
    if target is None:
        return _unknown(options.args)
    host = client.host_from(os.environ, options["host"][-1] if options["host"] else "")
    return _run(target, verb, client.Client(host, start=_starter(host)), rest)


def _starter(host: str) -> Callable[[str], bool] | None:
    """What to do if nobody listens: root, on the default socket, gets a daemon."""
    if host != client.DEFAULT_HOST or os.geteuid() != 0:
        return None

    def start(path: str) -> bool:
        from fairlead.cli import autostart

        return autostart.begin(path)

    return start


def _find(args: list[str]) -> tuple[str | None, str, list[str]]:
    noun = NOUNS.get(args[0])
    if noun is not None:
        if len(args) > 1 and args[1] in noun:
            return noun[args[1]], f"{args[0]} {args[1]}", args[2:]
        return None, "", []
    return VERBS.get(args[0]), args[0], args[1:]


def _unknown(args: list[str]) -> int:
    if args[0] in NOUNS:
        from fairlead.cli import usage

        return usage.noun(args)
    return _fail(f"{PROGRAM}: unknown command: {PROGRAM} {args[0]}\n\nRun '{PROGRAM} --help' for more information", 1)


def _load(target: str) -> Callable[[client.Client, list[str]], int]:
    name, _, function = target.partition(":")
    module = __import__(f"fairlead.cli.commands.{name}", fromlist=[function])
    found: Callable[[client.Client, list[str]], int] = getattr(module, function)
    return found


def _run(target: str, verb: str, api: client.Client, argv: list[str]) -> int:
    running = verb.split()[-1] == "run"
    prefix = f"{PROGRAM}: " if running else ""
    hint = f"\n\nRun '{PROGRAM} {verb} --help' for more information"
    try:
        return _load(target)(api, argv)
    except flags.Help as wanted:
        from fairlead.cli import usage

        return usage.show(wanted.verb)
    except flags.UsageError as error:
        return _fail(f"{PROGRAM}: {error}{hint}" if error.code == 1 or running else f"{error}{hint}", error.code)
    except client.ApiError as error:
        return _fail(
            f"{prefix}Error response from daemon: {error}{hint if running else ''}", _code(error, running=running)
        )
    except client.Refused as error:
        return _fail(f"{prefix}{error}{hint if running else ''}", 125 if running and error.code == 1 else error.code)
    except Exit as error:
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        # Imported only now: a template error is rare, the template engine is large.
        from fairlead.cli.gotemplate.errors import TemplateError

        if not isinstance(error, TemplateError):
            raise
        return _fail(str(error), 64)


def _code(error: client.ApiError, *, running: bool) -> int:
    """docker's exit code of a failed `run`: 127 no such program, 126 not to be executed, else 125."""
    if not running:
        return 1
    text = str(error)
    if "executable file not found" in text or "no such file or directory" in text or "system cannot find" in text:
        return 127
    return 126 if "permission denied" in text or "is a directory" in text else 125


def _overview() -> int:
    from fairlead.cli import usage

    return usage.overview()


def _fail(text: str, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    return code
