"""Where things are mounted in a container: `-v`, `--mount`, `--volumes-from` and the image's volumes become one list.

Pure but for questions to the host's file system; volumes that do not exist yet are named here and made by the caller.
Later sources override earlier ones by target: volumes-from, binds, mounts, then what the image declares.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from fairlead import ids
from fairlead.engine import volumeoptions
from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.linux import files, mounts
from fairlead.model.container import Config, Container, HostConfig, Mount
from fairlead.runtime import tmpfs

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
    transient = check_tmpfs(host_config)
    if both := transient & explicit:
        raise InvalidParameter(f"Duplicate mount point: {min(both)}")
    for target in map(clean, config.volumes):
        if target not in found and target not in transient:
            found[target] = Mount(type="volume", target=target)
    return tuple(_named(mount) for mount in found.values())


def check_tmpfs(host_config: HostConfig) -> set[str]:
    """Targets of `--tmpfs`."""
    for target, text in host_config.tmpfs.items():
        if not target.startswith("/"):
            raise InvalidParameter(f"invalid mount path: '{target}' mount path must be absolute")
        if clean(target) == "/":
            raise InvalidParameter("invalid specification: destination can't be '/'")
        tmpfs.options(text)
    return {clean(target) for target in host_config.tmpfs}


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
    if len(parts) not in (2, 3) or not all(parts[:2]) or (len(parts) == 2 and _is_mode(parts[1])):
        raise InvalidParameter(f"invalid volume specification: '{spec}'")
    source, options = parts[0], parts[2] if len(parts) == 3 else ""
    if not _is_mode(options):
        raise InvalidParameter(f"invalid mode: {options}")
    words = options.split(",") if options else []
    kind = "bind" if source.startswith("/") else "volume"
    target = _target(spec, kind, parts[1])
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
    if mount.propagation:
        raise InvalidParameter(
            f"invalid volume specification: '{spec}': invalid mount config for type \"volume\": field BindOptions must "
            "not be specified"
        )
    _check_volume(source, "")
    return replace(mount, name=source)


def _target(spec: str, kind: str, path: str) -> str:
    if not path.startswith("/"):
        raise InvalidParameter(
            f"invalid volume specification: '{spec}': invalid mount config for type \"{kind}\": "
            f"invalid mount path: '{path}' mount path must be absolute"
        )
    target = clean(path)
    if target == "/":
        raise InvalidParameter(
            f"invalid volume specification: '{spec}': invalid mount config for type \"{kind}\": "
            "invalid specification: destination can't be '/'"
        )
    return target


_MODES = (("ro", "rw"), _PROPAGATIONS, _LABELS, ("nocopy",), _CONSISTENCY)


def _is_mode(text: str) -> bool:
    """Words of `-v`'s third part, at most one of each kind."""
    words = text.split(",") if text else []
    kinds = [next((kind for kind, group in enumerate(_MODES) if word in group), None) for word in words]
    return None not in kinds and len(set(kinds)) == len(kinds)


def check_mount(mount: Mount) -> Mount:
    """An entry of `--mount`, with Docker's complaints."""
    fault = _fault(mount)
    if fault:
        raise InvalidParameter(f'invalid mount config for type "{mount.type}": {fault}')
    if mount.type == "volume":
        _check_volume(mount.name, mount.driver)
        volumeoptions.check(mount.name, mount.driver_options)
    return replace(mount, target=clean(mount.target), source=clean(mount.source) if mount.type == "bind" else "")


def _fault(mount: Mount) -> str:
    if mount.type not in ("bind", "volume", "tmpfs"):
        return "mount type unknown"
    if not mount.target:
        return "field Target must not be empty"
    if not mount.target.startswith("/"):
        return f"invalid mount path: '{mount.target}' mount path must be absolute"
    if clean(mount.target) == "/":
        return "invalid specification: destination can't be '/'"
    match mount.type:
        case "bind":
            return _bind_fault(mount)
        case "volume":
            return _volume_fault(mount)
    tmpfs.options(mount.options)
    return ""


def _bind_fault(mount: Mount) -> str:
    if not mount.source:
        return "field Source must not be empty"
    if mount.propagation not in ("", *_PROPAGATIONS):
        return f"invalid propagation mode: {mount.propagation}"
    if not mount.source.startswith("/"):
        return f"invalid mount path: '{mount.source}' mount path must be absolute"
    if not mount.create_source and not Path(mount.source).exists():
        return f"bind source path does not exist: {mount.source}"
    return ""


def _volume_fault(mount: Mount) -> str:
    if mount.subpath and not mount.name:
        return "must not set Subpath when using anonymous volumes"
    if mount.subpath and clean(mount.subpath).partition("/")[0] in ("", ".."):
        return "subpath must be a relative path within the volume"
    if mount.read_only and not mount.name:
        return "must not set ReadOnly mode when using anonymous volumes"
    return ""


def _check_volume(name: str, driver: str) -> None:
    if name and not _VOLUME_NAME.match(name):
        raise InvalidParameter(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    if driver not in ("", "local"):
        raise InvalidParameter(f'error looking up volume plugin {driver}: plugin "{driver}" not found')


def _from_container(spec: str, find: Callable[[str], Container]) -> Iterable[Mount]:
    name, _, mode = spec.partition(":")
    if not name:
        raise InvalidParameter("volumes-from specification cannot be an empty string")
    words = mode.split(",") if mode else []
    if not _is_mode(mode) or any(word in _PROPAGATIONS or word == "nocopy" for word in words):
        raise InvalidParameter(f"invalid mode: {mode}")
    for mount in find(name).mounts:
        if mount.type == "tmpfs":
            continue
        # The donor's anonymous volume is not ours to remove with `rm -v`.
        yield replace(mount, read_only=mount.read_only or "ro" in words, copy_up=False, options="")


def make_sources(container: Container) -> None:
    """Host paths of `-v` that are not there become directories, as in Docker; those of `--mount` do not."""
    made = {parse_bind(spec).source for spec in container.host_config.binds}
    made |= {mount.source for mount in container.mounts if mount.create_source}
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


def make_targets(container: Container, root: Path) -> None:
    """Directories for what is mounted where the image has nothing, with Docker's mode: crun's would be sticky, which
    a build would keep. What is mounted within another mount has its place there."""
    above = [mount.target for mount in container.mounts] + [*container.host_config.tmpfs, "/dev", "/proc", "/sys"]
    for mount in container.mounts:
        inside = any(mount.target.startswith(f"{target.rstrip('/')}/") for target in above)
        if inside or mount.subpath or (mount.type == "bind" and not Path(mount.source).is_dir()):
            continue
        try:
            files.make_directories_in_root(root, mount.target)
        except OSError:
            continue  # the runtime says what is wrong


def check_propagation(container: Container) -> None:
    """A mount can only travel where its source's mount lets it."""
    for mount in container.mounts:
        kind = mount.propagation.removeprefix("r")
        if mount.type != "bind" or kind not in ("shared", "slave"):
            continue
        point, peers = mounts.enclosing(Path(mount.source))
        if kind == "shared" and "shared" not in peers:
            raise SystemFailure(f"path {mount.source} is mounted on {point} but it is not a shared mount")
        if kind == "slave" and not peers:
            raise SystemFailure(f"path {mount.source} is mounted on {point} but it is not a shared or slave mount")
