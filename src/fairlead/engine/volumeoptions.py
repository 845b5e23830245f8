"""Volumes whose data lie elsewhere (`volume create --opt type=nfs --opt device=… --opt o=…`): which options there are,
and the mount upon the volume's directory that they stand for."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.linux import mounts
from fairlead.model.volume import Volume


def check(name: str, options: Mapping[str, str]) -> None:
    """The options of a volume to be made; Docker's rules and words (its driver `local`)."""
    for option in sorted(options):
        if option not in ("type", "o", "device", "size"):
            raise InvalidParameter(f'create {name}: invalid option: "{option}"')
    if "size" in options:
        raise InvalidParameter(f"create {name}: quota size requested but no quota support")
    for option, needed in (("type", ("device",)), ("o", ("device", "type"))):
        if option in options:
            for other in needed:
                if not options.get(other):
                    raise InvalidParameter(f'create {name}: missing required option: "{other}"')


def ensure(volume: Volume) -> None:
    """Mounts what the volume stands for. Mounted already is fine."""
    if mounts.is_mounted(volume.mountpoint):
        return
    flags, data = mounts.parse_options(volume.options.get("o", ""))
    device, kind = volume.options.get("device", ""), volume.options.get("type", "")
    try:
        mounts.mount(device, volume.mountpoint, fstype=kind, flags=flags, data=data)
    except OSError as error:
        reason = (error.strerror or "").rpartition(": ")[2].lower()
        raise SystemFailure(
            f"error while mounting volume '{volume.mountpoint}': failed to mount local volume: "
            f"mount {device}:{volume.mountpoint}, flags: {flags:#x}, data: {data}: {reason}"
        ) from error
