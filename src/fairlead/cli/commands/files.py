"""Files of containers: cp, export, commit. (Rules and messages of cp: docker/cli cp.go and moby's archive/copy.go.)"""

from __future__ import annotations

import os
import sys

from fairlead.cli import client, outputs, units
from fairlead.cli.flags import Verb, boolean, items, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from fairlead.cli.client import Client

CP = Verb(
    "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tfairlead cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    "Copy files/folders between a container and the local filesystem", (2, 2),
    boolean("archive", "a", help="Archive mode (copy all uid/gid information)"),
    boolean("follow-link", "L", help="Always follow symbol link in SRC_PATH"),
    boolean("quiet", "q", help="Suppress the summary of what was copied; so it is where no terminal is attached"),
)  # fmt: skip
EXPORT = Verb(
    "export [OPTIONS] CONTAINER", "Export a container's filesystem as a tar archive", (1, 1),
    text("output", "o", help="Write to a file, instead of STDOUT"),
)  # fmt: skip
COMMIT = Verb(
    "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]", "Create a new image from a container's changes", (1, 2),
    text("author", "a", help='Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    items("change", "c", help="Apply Dockerfile instruction to the created image"),
    text("message", "m", help="Commit message"),
    boolean("pause", "p", default=True, help="Pause container during commit"),
)  # fmt: skip


def commit(api: Client, argv: list[str]) -> int:
    from fairlead.cli import reference

    options = parse(COMMIT, argv)
    repo, tag = "", ""
    if len(options.args) == 2:
        try:
            repo, tag, _ = reference.split(options.args[1])
        except ValueError as error:
            raise client.Refused(str(error)) from None
    made = api.post(
        "/commit", container=options.args[0], repo=repo, tag=tag, author=options["author"],
        comment=options["message"], changes=options["change"], pause=None if options["pause"] else "0",
    )  # fmt: skip
    sys.stdout.write(f"{made['Id']}\n")
    return 0


def export(api: Client, argv: list[str]) -> int:
    options = parse(EXPORT, argv)
    target = options["output"]
    if not target and sys.stdout.isatty():
        raise client.Refused("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    chunks = api.stream("GET", f"/containers/{options.args[0]}/export")
    if not target:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return 0
    _check_output(target, "failed to export container: ")
    outputs.check(target, "failed to export container: ")
    part = f"{target}.{os.getpid()}.part"
    try:
        with open(part, "xb") as file:
            file.writelines(chunks)
        os.replace(part, target)
    finally:
        if os.path.exists(part):
            os.unlink(part)
    return 0


def copy(api: Client, argv: list[str]) -> int:
    options = parse(CP, argv)
    source, target = (_split(word) for word in options.args)
    if source[0] and target[0]:
        raise client.Refused("copying between containers is not supported")
    if not source[0] and not target[0]:
        raise client.Refused("must specify at least one container source")
    if source[0]:
        return _copy_out(api, source, target[1], options)
    return _copy_in(api, source[1], target, options)


def _split(word: str) -> tuple[str, str]:
    """(container, path); no container where the word is a local path."""
    container, colon, path = word.partition(":")
    if os.path.isabs(word) or not colon or container.startswith("."):
        return "", word
    return container, path


def _stat(api: Client, container: str, path: str) -> Any:
    """What the daemon tells of a path, None where there is none."""
    response = api.begin("HEAD", f"/containers/{container}/archive", path=path).response()
    response.close()  # an answer to HEAD has no body, not even an error's: the request that follows says what is wrong
    return _described(response) if response.status == 200 else None


def _described(response: Any) -> Any:
    import base64

    from fairlead.cli import jsontext

    return jsontext.loads(base64.b64decode(response.headers["x-docker-container-path-stat"]).decode())


def _copy_out(api: Client, source: tuple[str, str], target: str, options: Any) -> int:
    from fairlead.cli import localcopy

    container, path = source
    if target != "-":
        _check_output(target, "")
        outputs.check(target, "")
    rebase = ""
    if options["follow-link"]:
        found = _stat(api, container, path)
        if found is not None and found.get("linkTarget"):
            joined = os.path.join(os.path.dirname(path), found["linkTarget"])
            path, rebase = joined, os.path.basename(path.rstrip("/"))
    response = api.open("GET", f"/containers/{container}/archive", path=path)
    if target == "-":
        for chunk in response.chunks():
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return 0
    described = _described(response)
    chunks = _shown(response.chunks(), options, "Copying from container")
    size = localcopy.extract(
        chunks, path, target, directory=bool(described["mode"] >> 31 & 1), rebase=rebase,
        owners=options["archive"],
    )  # fmt: skip
    _tell(options, size, os.path.abspath(target))
    return 0


def _copy_in(api: Client, source: str, target: tuple[str, str], options: Any) -> int:
    from fairlead.cli import localcopy

    container, path = target
    found = _stat(api, container, path)
    if found is not None and found.get("linkTarget"):
        path = os.path.join(os.path.dirname(path), found["linkTarget"])
        found = _stat(api, container, path)
    is_directory = found is not None and bool(found["mode"] >> 31 & 1)
    if source == "-":
        if not is_directory:
            raise client.Refused(f'destination "{container}:{path}" must be a directory')
        counted, where = localcopy.Counted(iter(lambda: sys.stdin.buffer.read(1 << 18), b"")), path
    else:
        counted, where = localcopy.pack(
            source, path, exists=found is not None, directory=is_directory, follow=options["follow-link"]
        )
    chunks = _shown(counted, options, "Copying to container")
    api.call(
        "PUT", f"/containers/{container}/archive", chunks, content_type="application/x-tar", path=where,
        noOverwriteDirNonDir="true", copyUIDGID="true" if options["archive"] else None,
    )  # fmt: skip
    if source != "-":
        _tell(options, counted.size, f"{container}:{path}")
    return 0


def _quiet(options: Any) -> bool:
    return bool(options["quiet"]) if options.given("quiet") else not sys.stderr.isatty()


def _shown(chunks: Iterable[bytes], options: Any, label: str) -> Iterator[bytes]:
    """The pieces; on a terminal one sees them go."""
    if _quiet(options):
        return iter(chunks)
    from fairlead.cli import progress

    return iter(progress.Sending(chunks, label, sys.stderr))


def _tell(options: Any, size: int, where: str) -> None:
    if not _quiet(options):
        sys.stderr.write(f"Successfully copied {units.size(size, digits=3)} to {where}\n")


def _check_output(path: str, prefix: str) -> None:
    directory = os.path.dirname(os.path.normpath(path))
    if directory and directory != "." and not os.path.isdir(directory):
        raise client.Refused(f'{prefix}invalid output path: directory "{directory}" does not exist')
