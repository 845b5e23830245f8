"""The command line: finds the verb, imports its module alone, turns errors into docker's texts and exit codes."""

from __future__ import annotations

import posix
import sys

from fairlead.cli import client, flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "fairlead"
_LEVELS = ("panic", "fatal", "error", "warn", "warning", "info", "debug", "trace")
_HOSTS = (b"FAIRLEAD_HOST", b"DOCKER_HOST")
GLOBAL = flags.Verb(
    "[OPTIONS] COMMAND [ARG...]", "A container engine whose containers talk only to whom you linked them", (0, None),
    flags.text("config", help="Location of client config files"), flags.text("context", "c", hidden=True),
    flags.boolean("debug", "D", hidden=True), flags.items("host", "H", help="Daemon socket to connect to"),
    flags.text("log-level", "l", default="info", hidden=True),
    flags.boolean("version", "v", help="Print version information and quit"),
    interspersed=False,
)  # fmt: skip

# verb → module of cli/commands and function; the noun forms (`container ls`) lead to the same.
VERBS = {
    "run": "run:run", "create": "run:create", "start": "life:start", "stop": "life:stop", "restart": "life:restart",
    "kill": "life:kill", "pause": "life:pause", "unpause": "life:unpause", "rm": "life:remove",
    "rename": "life:rename", "wait": "life:wait", "ps": "look:list_containers", "inspect": "look:inspect",
    "port": "look:port", "top": "look:top", "diff": "look:diff", "logs": "stream:logs", "exec": "stream:execute",
    "attach": "stream:attach", "images": "image:list_images", "build": "build:build", "load": "archives:load",
    "save": "archives:save", "import": "archives:import_image", "tag": "image:tag", "rmi": "image:remove",
    "history": "image:history", "pull": "registry:pull", "push": "registry:push",
    "login": "registry:login", "logout": "registry:logout", "search": "registry:search",
    "cp": "files:copy", "export": "files:export", "commit": "files:commit", "stats": "resources:stats",
    "update": "resources:update", "version": "system:version", "info": "system:info",
    "events": "system:events", "completion": "completion:script",
}  # fmt: skip
NOUNS = {
    "container": {
        "ls": "look:list_containers", "list": "look:list_containers", "ps": "look:list_containers",
        "inspect": "look:inspect_containers", "prune": "life:prune",
        **{verb: VERBS[verb] for verb in (
            "run", "create", "start", "stop", "restart", "kill", "pause", "unpause", "rm", "rename", "wait", "port",
            "top", "logs", "exec", "attach", "diff", "cp", "export", "commit", "stats", "update")},
        "remove": "life:remove",
    },
    "image": {
        "ls": "image:list_images", "list": "image:list_images", "rm": "image:remove", "remove": "image:remove",
        "inspect": "image:inspect", "bootstrap": "image:bootstrap", "prune": "image:prune",
        **{verb: VERBS[verb] for verb in ("build", "load", "save", "import", "tag", "history", "pull", "push")},
    },
    "builder": {"build": "build:build", "prune": "build:prune"},
    "network": {"ls": "network:list_networks", "list": "network:list_networks", "create": "network:create",
                "rm": "network:remove", "remove": "network:remove", "inspect": "network:inspect",
                "connect": "network:connect", "disconnect": "network:disconnect", "prune": "network:prune",
                "reload": "network:reload"},
    "volume": {"ls": "volume:list_volumes", "list": "volume:list_volumes", "create": "volume:create",
               "rm": "volume:remove", "remove": "volume:remove", "inspect": "volume:inspect", "prune": "volume:prune"},
    "system": {"info": "system:info", "events": "system:events", "df": "system:df", "prune": "system:prune",
               "dial-stdio": "system:dial"},
    "link": {"ls": "look:list_links", "list": "look:list_links", "rm": "life:unlink", "remove": "life:unlink"},
}  # fmt: skip
BELOW = {"port": {"add": "publish:add", "rm": "publish:remove"}}
"""Verbs of ours below one of docker's that takes arguments itself."""


def main(argv: list[str]) -> int:
    """The exit code."""
    if argv[:1] == ["__complete"]:
        from fairlead.cli import completion

        return completion.run(argv[1:])
    try:
        options = flags.parse(GLOBAL, argv)
    except flags.Help:
        return _overview()
    except flags.UsageError as error:
        return _fail(error.render(PROGRAM, ""), error.code)
    if options["version"]:
        from fairlead import __version__

        sys.stdout.write(f"Fairlead version {__version__}\n")
        return 0
    wrong = _check(options)
    if wrong:
        return _fail(wrong, 1)
    if options["config"]:
        from fairlead.cli import userconfig

        userconfig.use(options["config"])
    words = options.args
    if words[:1] == ["help"]:
        return _help(words[1:])
    if not words:
        return _overview()
    target, path, rest = _find(words)
    if target is None:
        return _unknown(words)
    return _run(target, path, _client(options["host"]), flags.Words(rest, path))


def _check(options: flags.Options) -> str:
    """What is wrong with the flags before the verb."""
    if options["log-level"] not in _LEVELS:
        return f"Unable to parse logging level: {options['log-level']}"
    context = options["context"]
    if context and options["host"]:
        return "conflicting options: cannot specify both --host and --context"
    if context and context != "default":
        return f'Failed to initialize: unable to resolve fairlead endpoint: context "{context}": context not found'
    return ""


def _help(words: list[str]) -> int:
    """`help VERB`"""
    if not words:
        return _overview()
    target, path, rest = _find([*words, "--help"])
    if target is None and (words[0] not in NOUNS or len(words) > 1):
        return _fail(f"unknown help topic: {' '.join(words)}", 1)
    if target is None:
        return _unknown([words[0], "--help"])
    if rest != ["--help"]:
        return _fail(f"unknown help topic: {' '.join(rest[:-1])}", 1)
    return _run(target, path, client.Client(""), flags.Words(["--help"], path))


def finish(code: int) -> int:
    """Ends the process at once: taking the interpreter down in order costs as much as a request."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = 141
    except OSError as error:
        return _fail(f"write to stdout: {(error.strerror or str(error)).lower()}", 1)
    posix._exit(code)


def _client(hosts: list[str]) -> client.Client:
    address = host(hosts)
    return client.Client(address, start=_start if address == client.DEFAULT_HOST and posix.geteuid() == 0 else None)


def host(given: list[str]) -> str:
    """The daemon's address: of the last -H, the environment, or where it is anyway."""
    named = [*given[-1:], *(posix.environ.get(name, b"").decode(errors="replace") for name in _HOSTS)]
    return next(filter(None, named), client.DEFAULT_HOST)


def _start(path: str) -> bool:
    """Nobody listens on the default socket, and we are root."""
    from fairlead.cli import autostart

    return autostart.begin(path)


def _find(words: list[str]) -> tuple[str | None, str, list[str]]:
    noun = NOUNS.get(words[0])
    if noun is None:
        target, path, rest = VERBS.get(words[0]), words[0], words[1:]
    elif len(words) > 1 and words[1] in noun:
        target, path, rest = noun[words[1]], f"{words[0]} {words[1]}", words[2:]
    else:
        return None, "", []
    below = BELOW.get(path.split()[-1], {})
    if rest and rest[0] in below and _is_meant(rest[1:]):
        return below[rest[0]], f"{path} {rest[0]}", rest[1:]
    return target, path, rest


def _is_meant(words: list[str]) -> bool:
    """`port add 80` and `port add` ask for the ports of a container of that name, as in docker."""
    return len(words) > 1 or not all(word[:1].isdigit() for word in words)


def _unknown(words: list[str]) -> int:
    if words[0] not in NOUNS:
        return _fail(
            f"{PROGRAM}: unknown command: {PROGRAM} {words[0]}\n\nRun '{PROGRAM} --help' for more information", 1
        )
    from fairlead.cli import usage

    if len(words) == 1 or words[1] in ("--help", "-h", "help"):
        return usage.noun(words[0], sys.stderr if len(words) == 1 else sys.stdout)
    verb = flags.Verb(words[0], "", (0, None))
    path = words[0]
    if words[1].startswith("-"):
        what = f"flag: {words[1].partition('=')[0]}" if words[1].startswith("--") else (
            f"shorthand flag: '{words[1][1:2]}' in {words[1]}"
        )
        return _fail(flags.UsageError(verb, f"unknown {what}").render(PROGRAM, path), 125)
    return _fail(flags.UsageError(verb, f"unknown command: {PROGRAM} {path} {words[1]}", 1).render(PROGRAM, path), 1)


def load(target: str) -> Callable[[client.Client, list[str]], int]:
    """The function of a verb; its module is imported only now."""
    name, _, function = target.partition(":")
    module = __import__(f"fairlead.cli.commands.{name}", fromlist=[function])
    found: Callable[[client.Client, list[str]], int] = getattr(module, function)
    return found


def declaration(target: str) -> flags.Verb:
    """A verb as it declares itself, asked by its own --help."""
    try:
        load(target)(client.Client(""), ["--help"])
    except flags.Help as wanted:
        return wanted.verb
    raise AssertionError(f"{target} has no help")


def _run(target: str, path: str, api: client.Client, words: flags.Words) -> int:
    prefix, hint = f"{PROGRAM}: ", f"\n\nRun '{PROGRAM} {path} --help' for more information"
    running = path.split()[-1] == "run"
    try:
        return load(target)(api, words)
    except flags.Help as wanted:
        from fairlead.cli import usage

        return usage.show(wanted.verb, path, target)
    except flags.UsageError as error:
        return _fail(error.render(PROGRAM, path), error.code)
    except client.Misuse as error:
        return _fail(f"{prefix}{error}{hint}", 125)
    except client.ApiError as error:
        text = f"Error response from daemon: {error}"
        return _fail(f"{prefix}{text}{hint}", _code(text)) if running else _fail(text, 1)
    except client.Closed as error:
        from fairlead.cli import autostart

        return _fail(f"{error}{autostart.last_words()}", error.code)
    except client.Refused as error:
        if running and not error.bare:
            return _fail(f"{prefix}{error}{hint}", _code(str(error)))
        return _fail(str(error), error.code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:
        # Imported only now: a template error is rare, the template engine is large.
        from fairlead.cli.gotemplate.errors import TemplateError

        if not isinstance(error, TemplateError):
            raise
        return _fail(str(error), error.code)


def _nobody_reads() -> int:
    """As if SIGPIPE had ended us; Python's own flush at exit must not complain either."""
    posix.dup2(posix.open("/dev/null", posix.O_WRONLY), 1)
    return 141


def _code(text: str) -> int:
    """docker's exit code of a failed `run`: 127 no such program, 126 not to be executed, else 125."""
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
