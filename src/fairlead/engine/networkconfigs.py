"""Networks that are configuration alone: what `--config-only` keeps, and what `--config-from` makes of it. Pure.

Rules and texts: libnetwork's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from fairlead import ids
from fairlead.engine import subnets
from fairlead.errors import Forbidden, NotFound
from fairlead.model.network import Network, Segment
from fairlead.model.request import NetworkRequest, SubnetRequest


def check(request: NetworkRequest) -> None:
    operated = request.ingress or request.internal or request.attachable or request.scope
    if request.config_only and operated:
        raise Forbidden(
            "configuration network can only contain network specific fields. Network operator fields like "
            "[ ingress | internal | attachable | scope ] are not supported."
        )
    if not request.config_from:
        return
    if request.config_only:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    if request.ipv6 or request.labels or request.ipam_options or request.subnets:
        raise Forbidden(
            "user specified configurations are not supported if the network depends on a configuration network"
        )
    if request.options:
        raise Forbidden("network driver options are not supported if the network depends on a configuration network")


def keep(request: NetworkRequest) -> Network:
    """The configuration, checked as far as it can be without a driver."""
    segments = subnets.parse(request.subnets, driver="null")
    first4, first6, more = subnets.sorted_out(segments)
    return Network(
        id=ids.new_id(),
        name=request.name,
        driver="null",
        created=datetime.now(UTC),
        config_only=True,
        ipv4=request.ipv4,
        ipv6=request.ipv6,
        **first4,
        **first6,
        more=more,
        aux_addresses=subnets.merged(request.subnets),
        labels=request.labels,
        options=request.options,
        ipam_options=request.ipam_options,
    )


def applied(request: NetworkRequest, source: Network | None) -> NetworkRequest:
    """The request with the configuration that it names."""
    if source is None or not source.config_only:
        raise NotFound(f'configuration network "{request.config_from}" does not exist')
    found = [segment for version in (4, 6) for segment in source.segments(version)]
    return replace(
        request,
        ipv4=source.ipv4,
        ipv6=source.ipv6,
        subnets=tuple(_asked(segment, source) for segment in found),
        labels=source.labels,
        options=source.options,
        ipam_options=source.ipam_options,
    )


def _asked(segment: Segment, source: Network) -> SubnetRequest:
    return SubnetRequest(
        subnet=str(segment.subnet),
        ip_range=str(segment.ip_range or ""),
        gateway=str(segment.gateway or ""),
        aux_addresses=subnets.inside(segment.subnet, source.aux_addresses),
    )
