"""Runs one operation, named and described by its arguments, in a process of its own (forker.py).

Everything that may be hostile (archives, trees of containers) is read here, after a chroot where something is
written, and never in the daemon.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairlead.images.worker import assemble, recipe, sums, unpack, zlibs
from fairlead.images.worker.inflate import Damaged
from fairlead.images.worker.pack import Packer
from fairlead.images.worker.source import Source, TooLarge
from fairlead.linux import files

RESULT_FD, LIFE_FD = 3, 4
Arguments = dict[str, Any]


def _unpack(arguments: Arguments) -> Arguments:
    """stdin → tree `target`. With `recipe`: as a layer."""
    return unpack_from(0, arguments)


def unpack_from(fd: int, arguments: Arguments, *, plain: bool = False) -> Arguments:
    """Changes this process's root for good. `plain`: what comes is a tar, and others have its digests."""
    layer = "recipe" in arguments
    writer = recipe.Writer(_new_file(arguments["recipe"])) if layer else None
    source = Source(fd, limit=arguments["limit"], record=writer.raw if writer else None, plain=plain)
    table, listing = (sums.Table(), _new_file(arguments["sums"])) if "sums" in arguments else (None, -1)
    os.chroot(arguments["target"])
    os.chdir("/")
    unpacker = unpack.Unpacker(source, writer, layer=layer, sums=table)
    unpacker.run()
    if writer:
        writer.close()
    if table:
        with open(listing, "wb") as file:
            table.write(file.write)
    return {
        "diff_id": source.diff_id,
        "digest": "sha256:" + source.outer.hexdigest(),
        "compression": source.compression,
        "tar_size": source.size,
        "size": unpacker.size,
        "entries": unpacker.entries,
    }


def _seal(arguments: Arguments) -> Arguments:
    """Tree in overlay form → diff id and recipe."""
    writer = recipe.Writer(_new_file(arguments["recipe"]))
    packer = Packer(arguments["tree"], recipe=writer, settle=True)
    packer.run()
    writer.close()
    return {"diff_id": packer.diff_id, "size": packer.size, "tar_size": packer.total}


def _assemble(arguments: Arguments) -> Arguments:
    assemble.run(arguments["members"], write_stdout)
    return {}


def _load(arguments: Arguments) -> Arguments:
    from fairlead.images.worker import load

    return load.run(arguments)


def _replay(arguments: Arguments) -> Arguments:
    """A layer's tar on stdout, made again."""
    recipe.replay(Path(arguments["recipe"]), Path(arguments["tree"]), write_stdout)
    return {}


def _remove(arguments: Arguments) -> Arguments:
    left = {}
    for path in arguments["paths"]:
        for wait in (0.0, 0.05, 0.2):  # somebody may be dying who still writes there
            time.sleep(wait)
            try:
                remove(path)
                break
            except FileNotFoundError:
                continue
            except OSError as error:
                left[path] = str(error)
        else:
            continue
        left.pop(path, None)
    return {"left": left}


def remove(path: str) -> None:
    """As far as it goes: what cannot be removed now is swept at the next start."""
    if os.path.isdir(path) and not os.path.islink(path):
        try:
            unpack.remove_tree(path)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            files.flatten(path)
            unpack.remove_tree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def write_stdout(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _new_file(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _copy(arguments: Arguments) -> Arguments:
    from fairlead.images.worker import copy

    return copy.run(arguments)


def _sums(arguments: Arguments) -> Arguments:
    return {"found": sums.of_paths(arguments["source"], arguments["patterns"])}


def _fetch(arguments: Arguments) -> Arguments:
    from fairlead.images.worker import fetch

    return fetch.run(arguments)


def _mkdir(arguments: Arguments) -> Arguments:
    """Makes a directory and its parents in the tree `target`."""
    os.chroot(arguments["target"])
    os.chdir("/")
    os.umask(0o022)
    try:
        os.makedirs(arguments["path"], mode=0o755, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise unpack.Refused(f"{arguments['path']} is not a directory") from None
    return {}


def _transfer(name: str) -> Callable[[Arguments], Arguments | None]:
    """Operations on the root of a container (transfer.py, changes.py): imported for these alone."""

    def run(arguments: Arguments) -> Arguments | None:
        from fairlead.images.worker import changes, transfer

        operation: Callable[[Arguments], Arguments | None] = getattr(transfer, name, None) or getattr(changes, name)
        return operation(arguments)

    return run


OPERATIONS: dict[str, Callable[[Arguments], Arguments | None]] = {
    "unpack": _unpack,
    "seal": _seal,
    "assemble": _assemble,
    "remove": _remove,
    "load": _load,
    "replay": _replay,
    "copy": _copy,
    "sums": _sums,
    "fetch": _fetch,
    "mkdir": _mkdir,
    **{name: _transfer(name) for name in ("stat", "read", "extract", "export_root", "pack", "diff")},
}


def run(arguments: Arguments) -> None:
    """One job; its answer is one JSON object on fd 3, unless it has answered before its output."""
    die_with_the_daemon()
    answer = guarded(OPERATIONS[arguments["operation"]], arguments)
    if answer is None:
        return
    try:
        os.write(RESULT_FD, json.dumps(answer).encode())
    except OSError:  # it was amid its output, which ends here
        if "BrokenPipeError" not in str(answer):
            sys.stderr.write(f"{answer}\n")
            sys.stderr.flush()
        os._exit(1)


def die_with_the_daemon() -> None:
    """The kernel sends SIGIO, which ends us, when the daemon's end of the pipe closes. (PDEATHSIG needs ctypes.)"""
    fcntl.fcntl(LIFE_FD, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(LIFE_FD, fcntl.F_GETFL)
    fcntl.fcntl(LIFE_FD, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
    try:
        if not os.read(LIFE_FD, 1):
            os._exit(1)  # it was gone before we were ready
    except BlockingIOError:
        pass


def guarded(operation: Callable[[Arguments], Arguments | None], arguments: Arguments) -> Arguments | None:
    """The answer, or what was refused, or which error there was; None where the operation has answered itself."""
    sys.setrecursionlimit(10_000)  # trees are walked as deep as the kernel allows paths to be
    try:
        return operation(arguments)
    except (unpack.Refused, TooLarge, EOFError, tarfile.TarError, Damaged) as error:
        return {"refused": str(error)}
    except Exception as error:  # noqa: BLE001  # the daemon has to hear of it
        return {"error": f"{type(error).__name__}: {error}"}


def preload() -> None:
    """After the chroot nothing can be imported any more."""
    import zstandard

    zstandard.ZstdDecompressor()
    zlibs.best()
