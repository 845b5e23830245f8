"""What a network is to be, from what was asked for: options in Docker's words, and Docker's refusals."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from fairlead.engine import blueprint
from fairlead.errors import EngineError
from fairlead.model.network import Network
from fairlead.model.request import NetworkRequest
from fairlead.model.settings import Settings

OPTION = "com.docker.network."


def draw(driver: str = "bridge", **options: str) -> Network:
    """Options without their common prefix, `_` for `.`."""
    words = {name.replace("__", "."): text for name, text in options.items()}
    full = {name if driver != "bridge" else f"{OPTION}{name}": text for name, text in words.items()}
    return blueprint.draw(NetworkRequest(name="n", driver=driver, options=full), Settings())


def test_the_addresses_by_which_others_see_it() -> None:
    network = draw(host_ipv4="192.0.2.7", host_ipv6="2001:db8::7")
    assert (network.seen_as, network.seen_as6) == (IPv4Address("192.0.2.7"), IPv6Address("2001:db8::7"))
    assert (draw().seen_as, draw(host_ipv4="").seen_as6) == (None, None)


@pytest.mark.parametrize(
    ("name", "text"), [("host_ipv4", "999.1.1.1"), ("host_ipv4", "::1"), ("host_ipv6", "1.2.3.4"), ("host_ipv6", "x")]
)
def test_an_address_that_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(EngineError) as refused:
        draw(**{name: text})
    assert refused.value.message == f"failed to parse {OPTION}{name} value: {text} (nil ip)"
