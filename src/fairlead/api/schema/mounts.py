"""`Mounts`: the long form of binds, volumes and tmpfs, in create bodies and told again by inspect."""

from __future__ import annotations

from typing import Any

from fairlead.api.schema.fields import Fields
from fairlead.api.versions import Version
from fairlead.errors import InvalidParameter
from fairlead.model.container import Mount, ReadOnlyBelow

_TMPFS_OPTIONS = ("exec", "noexec")
_NOTHING = Fields({}, "Mount")


def parse(fields: Fields, version: Version) -> Mount:
    kind, source = fields.text("Type"), fields.text("Source")
    given = {name: fields.child(name) for name in ("BindOptions", "VolumeOptions", "TmpfsOptions", "ImageOptions")}
    _check_members(kind, given, source)
    volume, tmpfs = given["VolumeOptions"] or _NOTHING, given["TmpfsOptions"] or _NOTHING
    driver = volume.child("DriverConfig") or _NOTHING
    return Mount(
        type=kind,
        target=fields.text("Target"),
        source="" if kind == "volume" else source,
        name=source if kind == "volume" else "",
        read_only=fields.flag("ReadOnly"),
        consistency=fields.text("Consistency"),
        copy_up=not volume.flag("NoCopy"),
        subpath=volume.text("Subpath") if version >= (1, 45) else "",
        labels=volume.text_mapping("Labels"),
        driver=driver.text("Name"),
        driver_options=driver.text_mapping("Options"),
        anonymous=kind == "volume" and not source,
        size_bytes=tmpfs.integer("SizeBytes"),
        mode=tmpfs.optional_integer("Mode"),
        options=_tmpfs_options(tmpfs, version),
        **_bind_options(given["BindOptions"] or _NOTHING, version),
    )


def _check_members(kind: str, given: dict[str, Fields | None], source: str) -> None:
    where = f'invalid mount config for type "{kind}": '
    foreign = {
        "bind": ("VolumeOptions", "TmpfsOptions"),
        "volume": ("BindOptions", "TmpfsOptions"),
        "tmpfs": ("BindOptions", "VolumeOptions"),
    }
    for name in foreign.get(kind, ()):
        if given[name] is not None:
            raise InvalidParameter(f"{where}field {name} must not be specified")
    if kind == "tmpfs" and source:
        raise InvalidParameter(f"{where}field Source must not be specified")


def _bind_options(bind: Fields, version: Version) -> dict[str, Any]:
    """Members that came later are ignored for older clients, as in Docker."""
    never, always = bind.flag("ReadOnlyNonRecursive"), bind.flag("ReadOnlyForceRecursive")
    if never and always:
        raise InvalidParameter(
            'invalid mount config for type "bind": ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other'
        )
    below = ReadOnlyBelow.NEVER if never else ReadOnlyBelow.ALWAYS if always else ReadOnlyBelow.IF_POSSIBLE
    return {
        "propagation": bind.text("Propagation"),
        "recursive": not (bind.flag("NonRecursive") and version >= (1, 40)),
        "create_source": bind.flag("CreateMountpoint") and version >= (1, 42),
        "read_only_below": below if version >= (1, 44) else ReadOnlyBelow.NEVER,
    }


def _tmpfs_options(tmpfs: Fields, version: Version) -> str:
    """`Options`: a list of lists, `[["exec"]]`."""
    words = []
    for pair in tmpfs.get("Options") or () if version >= (1, 46) else ():
        if not isinstance(pair, list) or len(pair) not in (1, 2) or not all(isinstance(word, str) for word in pair):
            raise InvalidParameter('invalid mount config for type "tmpfs": invalid option array length')
        if pair[0] not in _TMPFS_OPTIONS:
            raise InvalidParameter(f'invalid mount config for type "tmpfs": invalid option: {pair[0]}')
        words.append("=".join(pair))
    return ",".join(words)


def render(mount: Mount) -> dict[str, Any]:
    """As it was asked for; members that Docker omits when empty are omitted."""
    value: dict[str, Any] = {
        "Type": mount.type,
        "Source": mount.source or mount.name,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "Consistency": mount.consistency,
        "BindOptions": _render_bind(mount),
        "VolumeOptions": _render_volume(mount) if mount.type == "volume" else {},
        "TmpfsOptions": _render_tmpfs(mount) if mount.type == "tmpfs" else {},
    }
    return {name: member for name, member in value.items() if member}


def _render_bind(mount: Mount) -> dict[str, Any]:
    return _present({
        "Propagation": mount.propagation,
        "NonRecursive": not mount.recursive,
        "CreateMountpoint": mount.create_source,
        "ReadOnlyNonRecursive": mount.type == "bind" and mount.read_only_below is ReadOnlyBelow.NEVER,
        "ReadOnlyForceRecursive": mount.read_only_below is ReadOnlyBelow.ALWAYS,
    })  # fmt: skip


def _render_volume(mount: Mount) -> dict[str, Any]:
    driver = _present({"Name": mount.driver, "Options": dict(mount.driver_options)})
    return _present({
        "NoCopy": not mount.copy_up,
        "Labels": dict(mount.labels),
        "DriverConfig": driver,
        "Subpath": mount.subpath,
    })  # fmt: skip


def _render_tmpfs(mount: Mount) -> dict[str, Any]:
    options = [[word] for word in mount.options.split(",") if word]
    return _present({"SizeBytes": mount.size_bytes, "Mode": mount.mode, "Options": options})


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in members.items() if member}
