"""Networks that are configuration alone: libnetwork's rules and words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairlead.engine import networkconfigs
from fairlead.errors import Forbidden, NotFound
from fairlead.model.request import NetworkRequest, SubnetRequest

SUBNETS = (
    SubnetRequest(subnet="10.1.0.0/24", ip_range="10.1.0.128/25", gateway="10.1.0.9", aux_addresses={"a": "10.1.0.8"}),
    SubnetRequest(subnet="10.2.0.0/24"),
    SubnetRequest(subnet="fd00::/64", aux_addresses={"b": "fd00::8"}),
)
KEPT = networkconfigs.keep(
    NetworkRequest(name="c", config_only=True, subnets=SUBNETS, ipv6=True, labels={"x": "y"}, options={"parent": "e"})
)


def test_a_network_from_a_configuration_has_all_of_it() -> None:
    wanted = NetworkRequest(name="n", driver="macvlan", internal=True, config_from="c")
    assert networkconfigs.applied(wanted, KEPT) == replace(
        wanted, subnets=SUBNETS, ipv6=True, labels={"x": "y"}, options={"parent": "e"}
    )


def test_what_is_kept_is_no_network_of_a_driver() -> None:
    assert (KEPT.driver, KEPT.config_only, KEPT.gateway6) == ("null", True, None)


@pytest.mark.parametrize("source", [None, replace(KEPT, config_only=False)])
def test_a_configuration_that_is_none(source: Any) -> None:
    with pytest.raises(NotFound, match='configuration network "c" does not exist'):
        networkconfigs.applied(NetworkRequest(name="n", config_from="c"), source)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"config_only": True, "internal": True}, "configuration network can only contain network specific fields"),
        ({"config_only": True, "scope": "local"}, "configuration network can only contain network specific fields"),
        ({"config_only": True, "config_from": "c"}, "a configuration network cannot depend on another"),
        ({"config_from": "c", "labels": {"a": "b"}}, "user specified configurations are not supported"),
        ({"config_from": "c", "subnets": SUBNETS}, "user specified configurations are not supported"),
        ({"config_from": "c", "options": {"a": "b"}}, "network driver options are not supported"),
    ],
)
def test_what_does_not_go_together(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Forbidden, match=said):
        networkconfigs.check(NetworkRequest(name="n", **fields))
