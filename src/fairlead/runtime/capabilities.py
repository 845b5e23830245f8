"""Which capabilities a process gets: Docker's default set, what the user adds and drops, never more than we have."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.errors import InvalidParameter
from fairlead.model.container import HostConfig
from fairlead.runtime import defaults
from fairlead.runtime.users import Identity


def granted(host_config: HostConfig, available: frozenset[str]) -> tuple[str, ...]:
    """Default + add − drop; ALL on either side; never more than the host has."""
    if host_config.privileged:
        return tuple(cap for cap in defaults.ALL_CAPABILITIES if cap in available)
    add = {parse(name, "CapAdd") for name in host_config.cap_add}
    drop = {parse(name, "CapDrop") for name in host_config.cap_drop}
    if "ALL" in add:
        have = set(available)
    elif "ALL" in drop:
        have = set()
    else:
        have = set(defaults.DEFAULT_CAPABILITIES)
    have |= add - {"ALL"}
    have -= drop
    return tuple(cap for cap in defaults.ALL_CAPABILITIES if cap in have & available)


def parse(name: str, member: str) -> str:
    """`net_admin` → `CAP_NET_ADMIN`; `all` → `ALL`. `member` is where it was given."""
    upper = name.upper()
    if upper == "ALL":
        return upper
    full = upper if upper.startswith("CAP_") else f"CAP_{upper}"
    if full not in defaults.ALL_CAPABILITIES:
        raise InvalidParameter(f'invalid {member}: unknown capability: "{full}"')
    return full


def of_process(caps: Sequence[str], who: Identity) -> dict[str, list[str]]:
    """Root gets the set at once; another user only as bounding set, for programs that carry file capabilities."""
    active = list(caps) if who.uid == 0 else []
    return {"bounding": list(caps), "effective": active, "permitted": active}
