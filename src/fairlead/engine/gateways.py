"""Which of a container's endpoints carries its default routes, and how its interfaces are called. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from fairlead.model.container import Endpoint, EndpointRequest
from fairlead.model.network import Network

Pair = tuple[Endpoint | None, Endpoint | None]
"""The endpoints that carry the IPv4 and the IPv6 default route."""

_PREFIX_OPTION = "com.docker.network.container_iface_prefix"
_NAME_OPTION = "com.docker.network.endpoint.ifname"


def choose(endpoints: Iterable[Endpoint]) -> Pair:
    """Of endpoints on networks with a way out: the highest priority, then the first network name, as in Docker."""
    ranked = sorted(endpoints, key=lambda end: (-end.request.gw_priority, end.network_name))
    return (
        next((end for end in ranked if end.address is not None and end.gateway is not None), None),
        next((end for end in ranked if end.address6 is not None and end.gateway6 is not None), None),
    )


def free_name(network: Network, request: EndpointRequest, others: Sequence[Endpoint]) -> str:
    """The name asked for, else the first of eth0, eth1 … that no other endpoint of the container has."""
    if wanted := request.driver_opts.get(_NAME_OPTION):
        return wanted
    prefix = network.options.get(_PREFIX_OPTION) or "eth"
    taken = {end.interface or f"eth{position}" for position, end in enumerate(others)}
    return next(name for number in itertools.count() if (name := f"{prefix}{number}") not in taken)
