"""Archives of images: load, save, import."""

from __future__ import annotations

import os
import stat
import sys

from fairlead.cli import client, outputs, platforms
from fairlead.cli.commands.image import PLATFORM, show
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from fairlead.cli.client import Client

_CHUNK = 1 << 16


def load(api: Client, argv: list[str]) -> int:
    options = parse(LOAD, argv)
    if not options["input"] and sys.stdin.isatty():
        raise client.Refused("requested load from stdin, but stdin is empty")
    quiet = options["quiet"] or not sys.stdout.isatty()
    query = {"quiet": quiet, "platform": platforms.query(options["platform"])}
    with _source(options["input"]) as file:
        chunks = api.stream("POST", "/images/load", _sent(file, quiet=quiet), content_type="application/x-tar", **query)
        show(api, chunks)
    return 0


def import_image(api: Client, argv: list[str]) -> int:
    options = parse(IMPORT, argv)
    source = options.args[0]
    query = {
        "changes": options["change"], "message": options["message"], "platform": options["platform"],
        "repo": options.args[1] if len(options.args) > 1 else "",
    }  # fmt: skip
    if source.startswith(("http://", "https://", "ftp://")):
        show(api, api.stream("POST", "/images/create", fromSrc=source, **query))
        return 0
    with _source("" if source == "-" else source) as file:
        sent = _sent(file, quiet=False)
        show(api, api.stream("POST", "/images/create", sent, content_type="text/plain", fromSrc="-", **query))
    return 0


def save(api: Client, argv: list[str]) -> int:
    options = parse(SAVE, argv)
    target = options["output"]
    query = {"names": options.args, "platform": platforms.query(options["platform"])}
    if not target:
        if sys.stdout.isatty():
            raise client.Refused("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        _pour(api.stream("GET", "/images/get", **query), sys.stdout.buffer)
        return 0
    directory = os.path.dirname(target) or "."
    if not os.path.isdir(directory):
        raise client.Refused(f"failed to save image: invalid output path: stat {directory}: no such file or directory")
    outputs.check(target, "failed to save image: ")
    part = f"{target}.{os.getpid()}.part"
    try:
        with open(part, "xb") as file:
            _pour(api.stream("GET", "/images/get", **query), file)
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


def _sent(file: BinaryIO, *, quiet: bool) -> Iterator[bytes]:
    """The pieces of an archive; on a terminal one sees them go."""
    from fairlead.cli import progress

    chunks = _chunks(file)
    status = os.fstat(file.fileno())
    total = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return chunks if quiet else iter(progress.Sending(chunks, "Sending archive", sys.stdout, total=total))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


LOAD = Verb(
    "load [OPTIONS]", "Load an image from a tar archive or STDIN", (0, 0),
    text("input", "i", help="Read from tar archive file, instead of STDIN"),
    text("platform", help=f"Load only the given platform variant. {PLATFORM}"),
    boolean("quiet", "q", help="Suppress the load output"),
)  # fmt: skip
IMPORT = Verb(
    "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image", (1, 2),
    items("change", "c", help="Apply Dockerfile instruction to the created image"),
    text("message", "m", help="Set commit message for imported image"),
    text("platform", help="Set platform if server is multi-platform capable"),
)  # fmt: skip
SAVE = Verb(
    "save [OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)", (1, None),
    text("output", "o", help="Write to a file, instead of STDOUT"),
    text("platform", help=f"Save only the given platform variant. {PLATFORM}"),
)  # fmt: skip
