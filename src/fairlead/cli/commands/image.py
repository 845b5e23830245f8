"""Images: images, tag, rmi, history, inspect, prune, bootstrap; their archives: load, save, import."""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, inspection
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from fairlead.cli.client import Client

CHUNK = 1 << 16
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ._-/:")


def list_images(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import images

    options = parse(LIST, argv)
    wanted = client.filters(options["filter"])
    if options.args:
        wanted.setdefault("reference", []).append(options.args[0])
    found = api.get("/images/json", all=options["all"], filters=wanted)
    found.sort(key=lambda item: -item["Created"])
    listed = images.show(
        found,
        options["format"],
        quiet=options["quiet"],
        no_trunc=options["no-trunc"],
        digests=options["digests"],
    )
    sys.stdout.write(listed)
    return 0


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
    path = repository if "/" in repository else f"library/{repository}"
    if path.rpartition("/")[2] != path.rpartition("/")[2].lower():
        raise ValueError(f"invalid reference format: repository name ({path}) must be lowercase")
    if not repository or not name or not set(reference) <= _NAME_CHARACTERS or "//" in repository:
        raise ValueError("invalid reference format")
    return repository, name


def remove(api: Client, argv: list[str]) -> int:
    options = parse(REMOVE, argv)
    failed = False
    errors: list[str] = []
    for name in options.args:
        try:
            steps = api.delete(f"/images/{name}", force=options["force"], noprune=options["no-prune"])
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
    rows = api.get(f"/images/{options.args[0]}/history")
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
    return inspection.run(api, "image", options.args, options["format"])


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


# --- archives ------------------------------------------------------------------------------------------------------


def load(api: Client, argv: list[str]) -> int:
    options = parse(LOAD, argv)
    if not options["input"] and sys.stdin.isatty():
        raise client.Refused("requested load from stdin, but stdin is empty")
    quiet = options["quiet"] or not sys.stdout.isatty()
    with _source(options["input"]) as file:
        chunks = api.stream("POST", "/images/load", _chunks(file), content_type="application/x-tar", quiet=quiet)
        show(api, chunks)
    return 0


def import_image(api: Client, argv: list[str]) -> int:
    options = parse(IMPORT, argv)
    source = options.args[0]
    if source.startswith(("http://", "https://")):
        raise client.Refused(f"importing from a URL is not supported: {source}")
    with _source("" if source == "-" else source) as file:
        chunks = api.stream(
            "POST",
            "/images/create",
            _chunks(file),
            content_type="text/plain",
            changes=options["change"],
            fromSrc="-",
            message=options["message"],
            platform=options["platform"],
            repo=options.args[1] if len(options.args) > 1 else "",
        )
        show(api, chunks)
    return 0


def save(api: Client, argv: list[str]) -> int:
    options = parse(SAVE, argv)
    target = options["output"]
    if not target:
        if sys.stdout.isatty():
            raise client.Refused("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        _pour(api.stream("GET", "/images/get", names=options.args), sys.stdout.buffer)
        return 0
    directory = os.path.dirname(target) or "."
    if not os.path.isdir(directory):
        raise client.Refused(f"failed to save image: invalid output path: stat {directory}: no such file or directory")
    part = f"{target}.{os.getpid()}.part"
    try:
        with open(part, "xb") as file:
            _pour(api.stream("GET", "/images/get", names=options.args), file)
        os.replace(part, target)
    except OSError as error:
        raise client.Refused(f"failed to save image: open {target}: {(error.strerror or '').lower()}") from None
    finally:
        if os.path.exists(part):
            os.unlink(part)
    return 0


def _pour(chunks: Iterator[bytes], out: BinaryIO) -> None:
    for chunk in chunks:
        out.write(chunk)
    out.flush()


def _source(path: str) -> BinaryIO:
    if not path:
        return open(0, "rb", closefd=False)
    try:
        return open(path, "rb")
    except OSError as error:
        raise client.Refused(f"open {path}: {(error.strerror or '').lower()}") from None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


FORMAT = text("format", help="Format output using a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'")
NO_TRUNC = boolean("no-trunc", help="Don't truncate output")
LIST = Verb(
    "images [OPTIONS] [REPOSITORY[:TAG]]", "List images", (0, 1),
    boolean("all", "a", help="Show all images (default hides intermediate images)"),
    boolean("digests", help="Show digests"),
    items("filter", "f", help="Filter output based on conditions provided"), FORMAT, NO_TRUNC,
    boolean("quiet", "q", help="Only show image IDs"),
)  # fmt: skip
TAG = Verb("tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", (2, 2))
REMOVE = Verb(
    "rmi [OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", (1, None),
    boolean("force", "f", help="Force removal of the image"),
    boolean("no-prune", help="Do not delete untagged parents"),
)  # fmt: skip
HISTORY = Verb(
    "history [OPTIONS] IMAGE", "Show the history of an image", (1, 1), FORMAT,
    boolean("human", "H", default=True, help="Print sizes and dates in human readable format"), NO_TRUNC,
    boolean("quiet", "q", help="Only show image IDs"),
)  # fmt: skip
INSPECT = Verb(
    "image inspect [OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images", (1, None),
    text("format", "f", help="Format output using a Go template or 'json'"),
)  # fmt: skip
PRUNE = Verb(
    "image prune [OPTIONS]", "Remove unused images", (0, 0),
    boolean("all", "a", help="Remove all unused images, not just dangling ones"),
    items("filter", help='Provide filter values (e.g. "until=<timestamp>")'),
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
LOAD = Verb(
    "load [OPTIONS]", "Load an image from a tar archive or STDIN", (0, 0),
    text("input", "i", help="Read from tar archive file, instead of STDIN"),
    boolean("quiet", "q", help="Suppress the load output"),
)  # fmt: skip
IMPORT = Verb(
    "import [OPTIONS] file|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image", (1, 2),
    items("change", "c", help="Apply Dockerfile instruction to the created image"),
    text("message", "m", help="Set commit message for imported image"),
    text("platform", help="Set platform if server is multi-platform capable"),
)  # fmt: skip
SAVE = Verb(
    "save [OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)", (1, None),
    text("output", "o", help="Write to a file, instead of STDOUT"),
)  # fmt: skip
