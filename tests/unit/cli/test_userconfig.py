"""What the user's config.json says, and what goes before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.cli import client, userconfig


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_no_file_and_an_empty_file_say_nothing(config: Path) -> None:
    assert userconfig.read() == {}
    config.write_text("")
    assert (userconfig.read(), userconfig.text("psFormat"), userconfig.detach_keys("")) == ({}, "", "")


def test_a_broken_file_is_named(config: Path) -> None:
    config.write_text("{")
    with pytest.raises(client.Refused, match=r"error parsing config file \(.*config.json\)"):
        userconfig.read()


def test_the_directory_is_below_home_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert userconfig.path() == "/home/anna/.docker/config.json"
    monkeypatch.setenv("DOCKER_CONFIG", "/elsewhere")
    assert userconfig.path() == "/elsewhere/config.json"


def test_detach_keys_of_the_command_line_win(config: Path) -> None:
    config.write_text('{"detachKeys": "ctrl-x"}')
    assert (userconfig.detach_keys(""), userconfig.detach_keys("ctrl-y")) == ("ctrl-x", "ctrl-y")


def test_proxies_are_those_of_the_daemon_or_the_default_ones_and_never_replace_what_is_given(config: Path) -> None:
    config.write_text(
        '{"proxies": {"default": {"httpProxy": "http://d"}, "unix:///x": {"httpsProxy": "http://x", "noProxy": "n"}}}'
    )
    assert userconfig.proxies("unix:///y", []) == {"HTTP_PROXY": "http://d", "http_proxy": "http://d"}
    assert userconfig.proxies("unix:///y", ["http_proxy"]) == {"HTTP_PROXY": "http://d"}
    assert sorted(userconfig.proxies("unix:///x", [])) == ["HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"]


def test_filters_of_prunes_are_added_unless_the_command_line_says_the_opposite(config: Path) -> None:
    config.write_text('{"pruneFilters": ["label!=keep", "until=24h", "nonsense"]}')
    assert userconfig.prune_filters({}) == {"label!": ["keep"], "until": ["24h"]}
    assert userconfig.prune_filters({"label": ["keep"]}) == {"label": ["keep"], "until": ["24h"]}
