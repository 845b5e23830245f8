from __future__ import annotations

import pytest

from fairlead.images.worker.registry import auth
from fairlead.images.worker.registry.auth import Challenge, Credentials

HEADER = 'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push", Basic realm="x, y"'


def test_challenges_are_told_apart_though_their_values_have_commas() -> None:
    bearer, basic = auth.parse_challenges(HEADER)
    assert bearer.parameters["scope"] == "repository:a/b:pull,push"
    assert basic == Challenge("basic", {"realm": "x, y"})


def test_token_is_preferred_to_a_password() -> None:
    chosen = auth.choose(list(reversed(auth.parse_challenges(HEADER))))
    assert chosen is not None
    assert chosen.scheme == "bearer"


def test_unknown_scheme_is_answered_by_nobody() -> None:
    assert auth.choose(auth.parse_challenges('Negotiate abc, Digest realm="r"')) is None


def test_nobody_asks_for_a_token_without_a_password() -> None:
    asked = auth.token_request(auth.parse_challenges(HEADER)[0], ["repository:a:pull"], Credentials())
    assert asked.url == "https://auth.example/token?service=reg&scope=repository%3Aa%3Apull"
    assert not asked.secret


def test_identity_token_goes_into_the_body_never_into_the_address() -> None:
    known = Credentials(username="u", identity_token="secret")
    asked = auth.token_request(auth.parse_challenges(HEADER)[0], ["repository:a:pull"], known)
    assert (asked.method, asked.url, asked.secret) == ("POST", "https://auth.example/token", True)
    assert asked.body is not None
    assert b"refresh_token=secret" in asked.body


@pytest.mark.parametrize("realm", ["", "file:///etc/passwd", "https:", "token"])
def test_realm_that_is_no_address_is_refused(realm: str) -> None:
    with pytest.raises(ValueError, match="is no URL"):
        auth.token_request(Challenge("bearer", {"realm": realm}), [], Credentials())


@pytest.mark.parametrize("answer", [{}, [], {"token": ""}, {"token": 5}, {"token": "a\r\nX: y"}])
def test_answer_without_a_usable_token_is_refused(answer: object) -> None:
    with pytest.raises(ValueError):
        auth.parse_token(answer)
