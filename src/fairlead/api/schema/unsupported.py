"""Members of Docker's JSON that this engine has nothing for: refused where they are given, never dropped in silence."""

from __future__ import annotations

from fairlead.api.schema.fields import Fields
from fairlead.errors import InvalidParameter


def refuse(host: Fields) -> None:
    """Of a `HostConfig`."""
    if host.integer("IOMaximumIOps") or host.integer("IOMaximumBandwidth"):
        raise InvalidParameter("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps")
    for name in ("CpuCount", "CpuPercent"):
        if host.integer(name):
            raise InvalidParameter(f"invalid option: {name} is not supported on linux")
    if host.text("Cgroup"):
        raise InvalidParameter("HostConfig.Cgroup is not supported by this engine")
    for request in host.children("DeviceRequests"):
        # Docker's words where no driver for them is registered.
        groups = " ".join(f"[{' '.join(map(str, group))}]" for group in request.get("Capabilities") or ())
        raise InvalidParameter(
            f'could not select device driver "{request.text("Driver")}" with capabilities: [{groups}]'
        )
