"""Where things are mounted in a container: `-v`, `--mount`, `--volumes-from` and the image's volumes become one list.

Pure but for questions to the host's file system; volumes that do not exist yet are named here and made by the caller.
Later sources override earlier ones by target: volumes-from, binds, mounts, then what the image declares.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fairlead import ids
from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.model.container import Config, Container, HostConfig, Mount

_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_LABELS = ("z", "Z")
_CONSISTENCY = ("consistent", "cached", "delegated", "default")


def collect(
    config: Config, host_config: HostConfig, find: Callable[[str], Container]
) -> tuple[Mount, ...]:
    """Every mount point. Anonymous volumes have got a name; binds of missing host paths are made by the caller."""
    found: dict[str, Mount] = {}
    for spec in host_config.volumes_from:
        for mount in _from_container(spec, find):
            found[mount.target] = mount
    explicit: set[str] = set()
    for mount in (*map(parse_bind, host_config.binds), *map(check_mount, host_config.mounts)):
        if mount.target in explicit:
            raise InvalidParameter(f"Duplicate mount point: {mount.target}")
        explicit.add(mount.target)
        found[mount.target] = mount
    tmpfs = {clean(target) for target in host_config.tmpfs}
    for target in map(clean, config.volumes):
        if target not in found and target not in tmpfs:
            found[target] = Mount(type="volume", target=target)
    return tuple(_named(mount) for mount in found.values())


def _named(mount: Mount) -> Mount:
    if mount.type != "volume" or mount.name:
        return mount
    return replace(mount, name=ids.new_id(), anonymous=True)


def clean(path: str) -> str:
    return posixpath.normpath(path).replace("//", "/")


def parse_bind(spec: str) -> Mount:
    """`source:target[:options]` of `-v`. A source with a slash is a host path, else a volume's name."""
    parts = spec.split(":")
    if len(parts) == 1 and parts[0]:
        return Mount(type="volume", target=_target(spec, "volume", parts[0]))
    if len(parts) not in (2, 3) or not all(parts):
        raise InvalidParameter(f"invalid volume specification: '{spec}'")
    source, options = parts[0], parts[2] if len(parts) == 3 else ""
    words = options.split(",") if options else []
    kind = "bind" if source.startswith("/") else "volume"
    target = _target(spec, kind, parts[1])
    _check_options(spec, words)
    mount = Mount(
        type=kind,
        target=target,
        read_only="ro" in words,
        propagation=next((word for word in words if word in _PROPAGATIONS), ""),
        copy_up="nocopy" not in words,
        options=options if kind == "bind" else options or "z",
    )
    if kind == "bind":
        return replace(mount, source=clean(source))
    if not _VOLUME_NAME.match(source):
        raise InvalidParameter(
            f'create {source}: "{source}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    return replace(mount, name=source)


def _target(spec: str, kind: str, path: str) -> str:
    if not path.startswith("/"):
        raise InvalidParameter(
            f"invalid volume specification: '{spec}': invalid mount config for type \"{kind}\": "
            f"invalid mount path: '{path}' mount path must be absolute"
        )
    target = clean(path)
    if target == "/":
        raise InvalidParameter(f"invalid volume specification: '{spec}': invalid specification: "
                               "destination can't be '/'")  # fmt: skip
    return target


def _check_options(spec: str, words: Sequence[str]) -> None:
    groups = (("ro", "rw"), _PROPAGATIONS, _LABELS, ("nocopy",), _CONSISTENCY)
    for word in words:
        if not any(word in group for group in groups):
            raise InvalidParameter(f"invalid mode: {','.join(words)}")
    if any(sum(word in group for word in words) > 1 for group in groups):
        raise InvalidParameter(f"invalid mode: {','.join(words)}")


def check_mount(mount: Mount) -> Mount:
    """An entry of `--mount`, with Docker's complaints."""
    where = f'invalid mount config for type "{mount.type}": '
    if mount.type not in ("bind", "volume", "tmpfs"):
        raise InvalidParameter(f"{where}mount type unknown")
    if not mount.target:
        raise InvalidParameter(f"{where}field Target must not be empty")
    if not mount.target.startswith("/"):
        raise InvalidParameter(f"{where}invalid mount path: '{mount.target}' mount path must be absolute")
    if clean(mount.target) == "/":
        raise InvalidParameter(f"{where}invalid specification: destination can't be '/'")
    if mount.type == "bind":
        if not mount.source:
            raise InvalidParameter(f"{where}field Source must not be empty")
        if not mount.source.startswith("/"):
            raise InvalidParameter(f"{where}invalid mount path: '{mount.source}' mount path must be absolute")
        if not Path(mount.source).exists():
            raise InvalidParameter(f"{where}bind source path does not exist: {mount.source}")
    name = mount.name or (mount.source if mount.type == "volume" else "")
    if mount.type == "volume" and name and not _VOLUME_NAME.match(name):
        raise InvalidParameter(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    return replace(mount, target=clean(mount.target), name=name, source=mount.source if mount.type == "bind" else "")


def _from_container(spec: str, find: Callable[[str], Container]) -> Iterable[Mount]:
    name, colon, mode = spec.partition(":")
    if not name or (colon and mode not in ("ro", "rw", "z", "Z")):
        raise InvalidParameter(f"invalid mode: {mode}" if name else "volumes-from specification is empty")
    for mount in find(name).mounts:
        if mount.type == "tmpfs":
            continue
        # The donor's anonymous volume is not ours to remove with `rm -v`.
        yield replace(mount, read_only=mount.read_only or mode == "ro", copy_up=False)


def make_sources(container: Container) -> None:
    """Host paths of `-v` that are not there become directories, as in Docker; those of `--mount` do not."""
    made = {parse_bind(spec).source for spec in container.host_config.binds}
    for mount in container.mounts:
        if mount.type != "bind" or Path(mount.source).exists():
            continue
        if mount.source not in made:
            raise InvalidParameter(
                f'invalid mount config for type "bind": bind source path does not exist: {mount.source}'
            )
        try:
            Path(mount.source).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemFailure(
                f"error while creating mount source path '{mount.source}': mkdir {mount.source}: "
                f"{(error.strerror or '').lower()}"
            ) from error
