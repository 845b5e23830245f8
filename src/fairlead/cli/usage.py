"""Help texts."""

from __future__ import annotations

import sys

from fairlead.cli import flags, main

_ABOUT = {
    "run": ("[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image"),
    "create": ("[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container"),
    "start": ("[OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers"),
    "stop": ("[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers"),
    "restart": ("[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers"),
    "kill": ("[OPTIONS] CONTAINER [CONTAINER...]", "Send a signal to one or more running containers"),
    "pause": ("CONTAINER [CONTAINER...]", "Pause all processes of one or more containers"),
    "unpause": ("CONTAINER [CONTAINER...]", "Let paused containers go on"),
    "rm": ("[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers; with --link a link alone"),
    "rename": ("CONTAINER NEW_NAME", "Rename a container"),
    "wait": ("CONTAINER [CONTAINER...]", "Wait until containers stop, then print their exit codes"),
    "ps": ("[OPTIONS] [NAME...]", "List containers"),
    "inspect": ("[OPTIONS] NAME|ID [NAME|ID...]", "Show what is known of an object"),
    "port": ("CONTAINER [PRIVATE_PORT[/PROTO]]", "List port mappings"),
    "top": ("CONTAINER [ps OPTIONS]", "Show the processes of a container"),
    "diff": ("CONTAINER", "Show what a container changed in its file system"),
    "logs": ("[OPTIONS] CONTAINER", "Show the output of a container"),
    "exec": ("[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container"),
    "attach": ("[OPTIONS] CONTAINER", "Join the input and output of a running container"),
    "images": ("[OPTIONS] [REPOSITORY[:TAG]]", "List images"),
    "build": ("[OPTIONS] PATH | -", "Build an image from a Dockerfile"),
    "load": ("[OPTIONS]", "Load images from a tar archive"),
    "save": ("[OPTIONS] IMAGE [IMAGE...]", "Save images to a tar archive"),
    "import": ("[OPTIONS] file|- [REPOSITORY[:TAG]]", "Make an image from the tar of a file system"),
    "tag": ("SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Give an image another name"),
    "rmi": ("[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images"),
    "history": ("[OPTIONS] IMAGE", "Show how an image was made"),
    "pull": ("[OPTIONS] NAME[:TAG]", "Download an image"),
    "version": ("[OPTIONS]", "Show the versions of client and daemon"),
    "info": ("[OPTIONS]", "Show facts about the engine"),
    "events": ("[OPTIONS]", "Show what happens, as it happens"),
    "daemon": ("[OPTIONS]", "Run the engine in the foreground"),
    "doctor": ("", "Say what this host has, lacks, and how to mend it"),
    "image bootstrap": ("[OPTIONS] NAME", "Make a base image from the distribution's archive, or of busybox"),
    "link ls": ("", "List links"),
}


def overview() -> int:
    out = ["Usage:  fairlead [OPTIONS] COMMAND\n", "Containers that talk only to whom you linked them\n", "Commands:"]
    out += [f"  {verb:<10}  {about}" for verb, (_, about) in _ABOUT.items() if " " not in verb]
    out += ["", "Nouns:", f"  {', '.join(main.NOUNS)}", "", "Options:", "  -H, --host string   Daemon socket to connect to",
            "  -v, --version       Print version information and quit", "",
            "Run 'fairlead COMMAND --help' for more information on a command."]  # fmt: skip
    sys.stdout.write("\n".join(out) + "\n")
    return 0


def show(verb: flags.Verb) -> int:
    """`fairlead VERB --help`: usage, purpose, flags."""
    out = [f"Usage:  fairlead {verb.usage}", "", verb.about]
    if verb.flags:
        out += ["", "Options:"]
        heads = [_head(flag) for flag in verb.flags]
        width = max(map(len, heads)) + 2
        rows = sorted(zip(heads, verb.flags, strict=True), key=lambda row: row[1].name)
        out += [f"{head:<{width}} {flag.help}".rstrip() for head, flag in rows]
    sys.stdout.write("\n".join(out) + "\n")
    return 0


def _head(flag: flags.Flag) -> str:
    kind = {"bool": "", "str": " string", "list": " list", "int": " int"}[flag.kind]
    return f"  {f'-{flag.short}, ' if flag.short else '    '}--{flag.name}{kind}"


def noun(args: list[str]) -> int:
    """A noun without a known verb."""
    known = ", ".join(main.NOUNS[args[0]])
    if len(args) > 1 and args[1] not in ("--help", "-h"):
        sys.stderr.write(f"fairlead: unknown command: fairlead {args[0]} {args[1]}\n\n"
                         f"Run 'fairlead {args[0]} --help' for more information\n")  # fmt: skip
        return 1
    sys.stdout.write(f"Usage:  fairlead {args[0]} COMMAND\n\nCommands:  {known}\n")
    return 0
