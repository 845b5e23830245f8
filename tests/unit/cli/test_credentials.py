from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.cli import credentials
from fairlead.cli.client import Refused


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def entry(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def sent(header: dict[str, str]) -> Any:
    return json.loads(base64.urlsafe_b64decode(next(iter(header.values()))))


def test_nobody_is_sent_where_nothing_is_kept(config: Path) -> None:
    assert sent(credentials.header("registry.example")) == {}
    assert not config.exists()


def test_what_is_stored_is_found_kept_from_others_and_forgotten(config: Path) -> None:
    config.write_text(json.dumps({"psFormat": "x", "auths": {"other.example": entry("o:p")}}))
    assert credentials.store("registry.example", {"username": "me", "password": "a:b"}) == str(config)
    assert credentials.get("registry.example") == {"username": "me", "password": "a:b"}
    assert config.stat().st_mode & 0o777 == 0o600
    credentials.erase("registry.example")
    assert json.loads(config.read_text()) == {"psFormat": "x", "auths": {"other.example": entry("o:p")}}


def test_docker_hub_has_its_old_name(config: Path) -> None:
    config.write_text(json.dumps({"auths": {credentials.HUB_INDEX: entry("me:pw")}}))
    assert sent(credentials.header("docker.io"))["username"] == "me"
    assert sent(credentials.header("docker.io"))["serveraddress"] == credentials.HUB_INDEX


def test_identity_token_stands_in_for_the_password(config: Path) -> None:
    credentials.store("registry.example", {"username": "me", "identitytoken": "token"})
    assert credentials.get("registry.example") == {"username": "me", "identitytoken": "token"}


def test_one_registrys_password_is_not_for_another_whose_name_begins_alike(config: Path) -> None:
    config.write_text(json.dumps({"auths": {"registry.example": entry("me:pw")}}))
    assert credentials.get("registry.example:5000") is None
    assert credentials.get("registry.example.evil") is None


@pytest.mark.parametrize("text", ["{", '{"auths": {"r": {"auth": "bm9jb2xvbg=="}}}', '{"auths": {"r": {"auth": "%"}}}'])
def test_file_that_cannot_be_read_is_named(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(Refused, match="config"):
        credentials.get("r")


def test_all_of_them_go_with_a_build(config: Path) -> None:
    config.write_text(json.dumps({"auths": {"a.example": entry("a:1"), "b.example": entry("b:2")}}))
    assert sorted(sent(credentials.headers_of_build())) == ["a.example", "b.example"]


def test_helper_need_not_read_what_it_has_no_use_for(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a pipe holds, so that it breaks for sure. What the helper complains of is told in Docker's words."""
    helper = tmp_path / "docker-credential-deaf"
    helper.write_text('#!/bin/sh\n[ "$2$MUTE" ] || exit 0\necho no room; exit 3\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    config.write_text(json.dumps({"credsStore": "deaf"}))
    large = {"username": "me", "password": "x" * 1_000_000}
    assert credentials.store("registry.example", large) == ""
    monkeypatch.setenv("MUTE", "1")
    with pytest.raises(Refused, match="error storing credentials - err: exit status 3, out: `no room`"):
        credentials.store("registry.example", large)
