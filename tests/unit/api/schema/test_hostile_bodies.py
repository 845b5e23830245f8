"""Whatever JSON arrives, a parser returns a request or refuses it: no other exception gets out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.exchange import parse_json
from fairlead.api.schema import build, container, exec, host_config, network, networking, volume
from fairlead.api.schema.fields import Fields
from fairlead.errors import InvalidParameter
from fairlead.model.container import HostConfig
from unit.api.schema.test_container import VIEW

_ROOM = json.loads(json.dumps(container.render_inspect(VIEW, (1, 50))))
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "80/tcp", "container:", "a:b", "/x", "-1", "\0", "é", "default", "1.2.3.4"])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["80/tcp", "Name", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_CONFIG = st.dictionaries(st.sampled_from([*_ROOM["Config"], "Healthcheck", "StopTimeout", "Shell"]), _JSON, max_size=5)
_HOST = st.dictionaries(st.sampled_from([*_ROOM["HostConfig"], "Mounts", "Tmpfs", "Sysctls"]), _JSON, max_size=5)
_ENDPOINT = st.dictionaries(st.sampled_from([*_ROOM["NetworkSettings"]["Networks"]["bridge"], "x"]), _JSON, max_size=4)


def _refused_or_fine(parse: Any, *args: Any, **kwargs: Any) -> None:
    try:
        parse(*args, **kwargs)
    except InvalidParameter:
        pass


@settings(max_examples=150, deadline=None, database=None)
@given(config=_CONFIG, host=_HOST | _JSON, networking=st.dictionaries(st.just("EndpointsConfig"), _JSON))
def test_create(config: dict[str, Any], host: Any, networking: Any) -> None:
    body = {**config, "HostConfig": host, "NetworkingConfig": networking}
    _refused_or_fine(container.parse_create, body, name="", platform="")


@settings(max_examples=40, deadline=None, database=None)
@given(endpoint=_ENDPOINT)
def test_endpoints(endpoint: dict[str, Any]) -> None:
    fields = Fields({"EndpointsConfig": {"mine": endpoint}}, "NetworkingConfig")
    _refused_or_fine(networking.parse_networking, fields)


@settings(max_examples=40, deadline=None, database=None)
@given(body=st.dictionaries(st.sampled_from(["Name", "Driver", "Labels", "DriverOpts", "IPAM", "Cmd", "Env"]), _JSON))
def test_other_bodies(body: dict[str, Any]) -> None:
    _refused_or_fine(volume.parse_create, body)
    _refused_or_fine(network.parse_create, body)
    _refused_or_fine(exec.parse_create, body)
    _refused_or_fine(build.parse_bootstrap, {name.lower(): value for name, value in body.items()})


@settings(max_examples=40, deadline=None, database=None)
@given(body=_HOST)
def test_update(body: dict[str, Any]) -> None:
    _refused_or_fine(container.parse_update, body, HostConfig())


@settings(max_examples=40, deadline=None, database=None)
@given(data=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_bytes_that_should_be_json(data: bytes) -> None:
    _refused_or_fine(parse_json, data)


def test_nesting_beyond_reason_is_refused() -> None:
    _refused_or_fine(parse_json, b'{"a":' * 100_000)


@settings(max_examples=40, deadline=None, database=None)
@given(host=_HOST)
def test_what_is_accepted_can_be_told_again(host: dict[str, Any]) -> None:
    """Inspect's HostConfig, sent back, means the same."""
    try:
        parsed = host_config.parse(Fields(host, "HostConfig"))
    except InvalidParameter:
        return
    told = json.loads(json.dumps(host_config.render(parsed, parsed.links)))
    again = host_config.parse(Fields(told, "HostConfig"))
    told_again = host_config.render(again, again.links)
    assert json.loads(json.dumps(told_again)) == told
