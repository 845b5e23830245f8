"""To whom credentials go: to the registry itself and to the realm it names, to nobody else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import pytest
import urllib3
from urllib3.response import BaseHTTPResponse

from fairlead.images.worker.registry.auth import Credentials
from fairlead.images.worker.registry.failure import Failure
from fairlead.images.worker.registry.http import Body, Remote

BASE = "https://registry.test"
BASIC = "Basic " + base64.b64encode(b"me:secret").decode()
ASKS = {"WWW-Authenticate": 'Basic realm="x"'}


class Net(Remote):
    """Answers by URL, one after the other; remembers what was asked with which Authorization."""

    def __init__(self, answers: Mapping[str, Sequence[tuple[int, dict[str, str], bytes]]]) -> None:
        credentials = Credentials(username="me", password="secret")
        super().__init__({"url": BASE}, "app", credentials, scopes=["s"], timeout_s=1, agent="test")
        self.answers = {url: list(found) for url, found in answers.items()}
        self.asked: list[tuple[str, str]] = []

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> BaseHTTPResponse:
        self.asked.append((url.partition("?")[0], headers.get("Authorization", "")))
        status, more, data = self.answers[url.partition("?")[0]].pop(0)
        return urllib3.HTTPResponse(io.BytesIO(data), dict(more), status, preload_content=False, request_method=method)


BLOB = f"{BASE}/v2/app/blobs/x"


@pytest.mark.parametrize("target", ["https://storage.test/x", "https://registry.test:444/x", "https://a.registry.test/x"])
def test_where_a_registry_redirects_to_is_not_told_who_we_are(target: str) -> None:
    net = Net({BLOB: [(401, ASKS, b""), (307, {"Location": target}, b"")], target: [(200, {}, b"data")]})
    assert net.request("GET", BLOB).status == 200
    assert net.asked == [(BLOB, ""), (BLOB, BASIC), (target, "")]


@pytest.mark.parametrize("challenge", ['Basic realm="x"', 'Bearer realm="https://storage.test/token",service="s"'])
def test_nor_if_it_asks(challenge: str) -> None:
    target = "https://storage.test/x"
    net = Net({
        BLOB: [(307, {"Location": target}, b"")] * 2, target: [(401, {"WWW-Authenticate": challenge}, b"")] * 2,
        "https://storage.test/token": [(200, {}, b'{"token": "t"}')],
    })  # fmt: skip
    with pytest.raises(Failure, match="authentication required"):
        net.request("GET", BLOB)
    assert net.asked == [(BLOB, ""), (target, "")]


def test_nothing_that_began_with_tls_goes_on_without() -> None:
    with pytest.raises(Failure, match="which is refused"):
        Net({BLOB: [(302, {"Location": "http://registry.test/x"}, b"")]}).request("GET", BLOB)
    bearer = {"WWW-Authenticate": 'Bearer realm="http://auth.test/token",service="s"'}
    net = Net({BLOB: [(401, bearer, b"")]})
    with pytest.raises(Failure, match="asks for credentials without TLS"):
        net.request("GET", BLOB)
    assert net.asked == [(BLOB, "")]


def test_a_realm_elsewhere_gets_the_password_and_the_registry_the_token() -> None:
    realm = "https://auth.test/token"
    bearer = {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'}
    net = Net({BLOB: [(401, bearer, b""), (200, {}, b"x")], realm: [(200, {}, b'{"token": "short-lived"}')]})
    net.request("GET", BLOB)
    assert net.asked == [(BLOB, ""), (realm, BASIC), (BLOB, "Bearer short-lived")]


def test_a_password_that_is_refused_is_not_tried_for_ever() -> None:
    net = Net({BLOB: [(401, ASKS, b"")] * 9})
    with pytest.raises(Failure, match="authentication required"):
        net.request("GET", BLOB)
    with pytest.raises(Failure, match="authentication required"):
        net.request("GET", BLOB)
    assert len(net.asked) == 3
