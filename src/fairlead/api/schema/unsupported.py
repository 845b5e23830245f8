"""Members of Docker's JSON that this engine has nothing for: refused where they are given, never dropped in silence."""

from __future__ import annotations

from fairlead.api.schema.fields import Fields
from fairlead.api.versions import Version
from fairlead.errors import InvalidParameter


def remarks(config: Fields, host: Fields | None, version: Version) -> tuple[str, ...]:
    """Docker's warnings about members that have had their day."""
    found = []
    if host is not None and host.integer("KernelMemory"):
        found.append(
            "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. "
            "Limitation discarded."
        )
    if config.text("MacAddress") and version >= (1, 44):
        found.append(
            "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
        )
    return tuple(found)


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
        groups = " ".join(f"[{' '.join(group)}]" for group in request.text_lists("Capabilities"))
        raise InvalidParameter(
            f'could not select device driver "{request.text("Driver")}" with capabilities: [{groups}]'
        )
