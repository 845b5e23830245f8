from __future__ import annotations

import pytest

from fairlead.api.exchange import Reply, Request, Response, Route
from fairlead.api.router import Router, split_version
from fairlead.api.versions import NEWEST
from fairlead.errors import InvalidParameter


async def _nothing(request: Request) -> Reply:
    return Response()


ROUTER = Router(
    Route(method, path, _nothing)
    for method, path in [
        ("GET", "/containers/json"),
        ("POST", "/containers/create"),
        ("GET", "/containers/{name}/json"),
        ("POST", "/containers/{name}/exec"),
        ("DELETE", "/containers/{name}"),
        ("GET", "/images/{name}/json"),
        ("GET", "/images/get"),
        ("GET", "/images/{name}/get"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "route", "name"),
    [
        ("GET", "/containers/json", "/containers/json", None),
        ("GET", "/containers/web/json", "/containers/{name}/json", "web"),
        ("GET", "/containers/web/db/json", "/containers/{name}/json", "web/db"),
        ("GET", "/containers/json/json", "/containers/{name}/json", "json"),
        ("GET", "/containers//web/json", "/containers/{name}/json", "/web"),
        ("DELETE", "/containers/web/db", "/containers/{name}", "web/db"),
        ("DELETE", "/containers/", "/containers/{name}", ""),
        ("GET", "/images/host:5000/team/app:1.2/json", "/images/{name}/json", "host:5000/team/app:1.2"),
        ("GET", "/images/get", "/images/get", None),
        ("GET", "/images/app/get", "/images/{name}/get", "app"),
        ("GET", "/containers/two\nlines/json", "/containers/{name}/json", "two\nlines"),
    ],
)
def test_names_are_greedy_and_anchored(method: str, path: str, route: str, name: str | None) -> None:
    found = ROUTER.match(method, path)
    assert found is not None
    assert found[0].path == route
    assert found[1].get("name") == name


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", ""), ("GET", "/containers"), ("PUT", "/images")])
def test_what_no_route_fits_is_not_found(method: str, path: str) -> None:
    assert ROUTER.match(method, path) is None


def test_versions_are_split_off_and_bounded() -> None:
    assert split_version("/v1.43/info") == ((1, 43), "/info")
    assert split_version("/info") == (NEWEST, "/info")
    assert split_version("/vX/info") == (NEWEST, "/vX/info")
    with pytest.raises(InvalidParameter, match=r"client version 1\.12 is too old\. Minimum .* is 1\.21"):
        split_version("/v1.12/info")
    with pytest.raises(InvalidParameter, match=r"client version 2\.0 is too new"):
        split_version("/v2.0/info")
