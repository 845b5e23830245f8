"""Images: images, tag, rmi, history, inspect, prune, bootstrap."""

from __future__ import annotations

import sys

from fairlead.cli import client, inspection, platforms, userconfig
from fairlead.cli.flags import Options, Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairlead.cli.client import Client

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ._-/:")


def list_images(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import images

    options = parse(LIST, argv)
    if options["tree"]:
        _check_tree(options)
    wanted = client.filters(options["filter"])
    if options.args:
        wanted.setdefault("reference", []).append(options.args[0])
    found = api.get("/images/json", all=options["all"], filters=wanted)
    found.sort(key=lambda item: -item["Created"])
    if options["tree"]:
        from fairlead.cli import colour
        from fairlead.cli.listings import imagetree

        used = {row["ImageID"] for row in api.get("/containers/json", all=True)}
        sys.stdout.write(imagetree.show(found, used=used, bold=colour.wanted(sys.stdout)))
        return 0
    fmt = options["format"] or ("" if options["quiet"] else userconfig.text("imagesFormat"))
    listed = images.show(
        found,
        fmt,
        quiet=options["quiet"],
        no_trunc=options["no-trunc"],
        digests=options["digests"],
    )
    sys.stdout.write(listed)
    return 0


def _check_tree(options: Options) -> None:
    for flag, shown in (("quiet", "quiet"), ("no-trunc", "no-trunc"), ("digests", "show-digest"), ("format", "format")):
        if options[flag]:
            raise client.Refused(f"--{shown} is not yet supported with --tree")


def tag(api: Client, argv: list[str]) -> int:
    source, target = parse(TAG, argv).args
    try:
        repository, name = split_reference(target)
    except ValueError as error:
        raise client.Refused(f'Error parsing reference: "{target}" is not a valid repository/tag: {error}') from None
    api.post(f"/images/{source}/tag", repo=repository, tag=name)
    return 0


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag (`latest` where none is given); ValueError with docker's words for what cannot be a name."""
    repository, colon, name = reference.rpartition(":")
    if not colon or "/" in name:
        repository, name = reference, "latest"
    if ":" in repository.rpartition("/")[2]:
        raise ValueError("invalid reference format")
    path = repository if "/" in repository else f"library/{repository}"
    if path.rpartition("/")[2] != path.rpartition("/")[2].lower():
        raise ValueError(f"invalid reference format: repository name ({path}) must be lowercase")
    if not repository or not name or not set(reference) <= _NAME_CHARACTERS or "//" in repository:
        raise ValueError("invalid reference format")
    return repository, name


def remove(api: Client, argv: list[str]) -> int:
    options = parse(REMOVE, argv)
    wanted = [platforms.query(name) for name in options["platform"]]
    failed = False
    errors: list[str] = []
    for name in options.args:
        try:
            steps = api.delete(f"/images/{name}", force=options["force"], noprune=options["no-prune"], platforms=wanted)
        except client.ApiError as error:
            errors.append(f"Error response from daemon: {error}\n")
            failed = failed or not (options["force"] and error.status == 404)
            continue
        for step in steps:
            sys.stdout.write("".join(f"{verb}: {what}\n" for verb, what in step.items()))
    sys.stdout.flush()
    sys.stderr.write("".join(errors))
    return 1 if failed else 0


def history(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import images

    options = parse(HISTORY, argv)
    rows = api.get(f"/images/{options.args[0]}/history", platform=platforms.query(options["platform"]))
    listed = images.show_history(
        rows,
        options["format"],
        quiet=options["quiet"],
        no_trunc=options["no-trunc"],
        human=options["human"],
    )
    sys.stdout.write(listed)
    return 0


def inspect(api: Client, argv: list[str]) -> int:
    options = parse(INSPECT, argv)
    platform = platforms.query(options["platform"])
    return inspection.run(api, "image", options.args, options["format"], platform=platform)


def prune(api: Client, argv: list[str]) -> int:
    from fairlead.cli.commands import prune as prunes

    options = parse(PRUNE, argv)
    unnamed = "all dangling images"
    what = "all images without at least one container associated to them" if options["all"] else unnamed
    if not options["force"] and not prunes.confirm(f"WARNING! This will remove {what}."):
        return 0
    freed = prunes.images(api, client.filters(options["filter"]), unused=options["all"])
    sys.stdout.write(prunes.reclaimed(freed))
    return 0


def bootstrap(api: Client, argv: list[str]) -> int:
    options = parse(BOOTSTRAP, argv)
    packages = [name for part in options["include"] for name in part.replace(",", " ").split()]
    body = {
        "name": options.args[0],
        "suite": options["suite"],
        "include": packages,
        "variant": options["variant"],
        "busybox": options["busybox"],
    }
    show(api, api.stream("POST", "/fairlead/v1/images/bootstrap", body, versioned=False))
    return 0


def show(api: Client, chunks: Iterator[bytes]) -> None:
    """Writes a progress stream to stdout; Refused with the message the daemon ended it with."""
    from fairlead.cli import progress

    try:
        progress.show(api.messages(chunks), sys.stdout, terminal=sys.stdout.isatty())
    except progress.ProgressError as error:
        raise client.Refused(str(error), code=error.code) from None


FORMAT = text("format", help="Format output using a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'")
PLATFORM = 'Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'
NO_TRUNC = boolean("no-trunc", help="Don't truncate output")
LIST = Verb(
    "images [OPTIONS] [REPOSITORY[:TAG]]", "List images", (0, 1),
    boolean("all", "a", help="Show all images (default hides intermediate images)"),
    boolean("digests", help="Show digests"),
    items("filter", "f", word="filter", check="condition", help="Filter output based on conditions provided"),
    FORMAT, NO_TRUNC, boolean("quiet", "q", help="Only show image IDs"),
    boolean("tree", help="List multi-platform images as a tree (EXPERIMENTAL)"),
)  # fmt: skip
TAG = Verb("tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", (2, 2))
REMOVE = Verb(
    "rmi [OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", (1, None),
    boolean("force", "f", help="Force removal of the image"),
    boolean("no-prune", help="Do not delete untagged parents"),
    items("platform", word="strings", help=f"Remove only the given platform variant. {PLATFORM}"),
)  # fmt: skip
HISTORY = Verb(
    "history [OPTIONS] IMAGE", "Show the history of an image", (1, 1), FORMAT,
    boolean("human", "H", default=True, help="Print sizes and dates in human readable format"), NO_TRUNC,
    text("platform", help=f"Show history for the given platform. {PLATFORM}"),
    boolean("quiet", "q", help="Only show image IDs"),
)  # fmt: skip
INSPECT = Verb(
    "image inspect [OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images", (1, None),
    text("format", "f", help="Format output using a Go template or 'json'"),
    text("platform", help="Inspect a specific platform of the image: it is an error if the image is for another one"),
)  # fmt: skip
PRUNE = Verb(
    "image prune [OPTIONS]", "Remove unused images", (0, 0),
    boolean("all", "a", help="Remove all unused images, not just dangling ones"),
    items("filter", word="filter", check="condition", help='Provide filter values (e.g. "until=<timestamp>")'),
    boolean("force", "f", help="Do not prompt for confirmation"),
)  # fmt: skip
BOOTSTRAP = Verb(
    "image bootstrap [OPTIONS] NAME[:TAG]", "Make a base image from the distribution's archive, without a registry",
    (1, 1),
    boolean("busybox", help="A 1 MB image from the host's static busybox instead"),
    items("include", help="Packages to install besides (comma-separated)"),
    text("suite", help="Release to take (default: the host's own)"),
    text("variant", default="minbase", help="mmdebstrap's variant"),
)  # fmt: skip
