"""`--platform`, as containerd reads it."""

from __future__ import annotations

import json

import pytest

from fairlead.cli import client, platforms


@pytest.mark.parametrize(
    ("text", "system", "architecture", "variant"),
    [
        ("linux/arm64", "linux", "arm64", None),
        ("linux/aarch64/v8", "linux", "arm64", None),
        ("linux/arm/v7", "linux", "arm", "v7"),
        ("armhf", "linux", "arm", "v7"),
        ("x86_64", "linux", "amd64", None),
        ("Windows/AMD64", "windows", "amd64", None),
    ],
)
def test_what_the_api_is_told(text: str, system: str, architecture: str, variant: str | None) -> None:
    told = json.loads(platforms.query(text))
    assert (told["os"], told["architecture"], told.get("variant")) == (system, architecture, variant)


def test_a_system_alone_means_this_machine() -> None:
    assert json.loads(platforms.query("linux"))["architecture"] == platforms._here()


def test_nothing_asks_for_nothing() -> None:
    assert platforms.query("") == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/b/c/d", 'invalid platform: "a/b/c/d": cannot parse platform specifier: invalid argument'),
        ("foo", 'invalid platform: "foo": unknown operating system or architecture: invalid argument'),
        ("linux/x y", 'invalid platform: "x y" is an invalid component of "linux/x y"'),
    ],
)
def test_what_is_no_platform_is_refused(text: str, message: str) -> None:
    with pytest.raises(client.Refused) as refused:
        platforms.query(text)
    assert str(refused.value).startswith(message)
