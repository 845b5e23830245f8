"""Credentials as clients send them."""

from __future__ import annotations

import base64
import json

import pytest

from fairlead.api.schema import registry
from fairlead.model.request import RegistryLogin


def header(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_name_and_password_come_plain_or_packed() -> None:
    wanted = RegistryLogin(username="me", password="a:b", server="far.test")
    assert registry.parse_login(header({"username": "me", "password": "a:b", "ServerAddress": "far.test"})) == wanted
    packed = base64.b64encode(b"me:a:b").decode()
    assert registry.parse_login(header({"auth": packed, "serveraddress": "far.test"}).rstrip("=")) == wanted


@pytest.mark.parametrize("auth", ["!!!!", "abc", base64.b64encode(b"\xff\xfe").decode(), ""])
def test_what_cannot_be_read_is_nobody(auth: str) -> None:
    assert registry.of_config({"auth": auth}) == RegistryLogin()


@pytest.mark.parametrize("text", ["", "null", "bm8=", "!!", header([1]), header({"username": 1})])
def test_header_that_is_none_is_nobody(text: str) -> None:
    assert registry.parse_login(text) == RegistryLogin()
